// Which statements of a migration a version that does not know it would stumble over. Migrations only expand: what the version before
// uses stays as it was, and what it writes stays allowed. Tables that the same file makes are free.
const name = '(?:IF (?:NOT )?EXISTS )?(?:ONLY )?([a-z_0-9.]+)';
const onTable = new RegExp(`^(?:ALTER TABLE|CREATE (?:UNIQUE )?INDEX(?: CONCURRENTLY)?(?: IF NOT EXISTS)?(?: [a-z_0-9]+)? ON|CREATE (?:CONSTRAINT )?TRIGGER .*? ON) ${name}`, 'i');

// [the rule, what breaks it]
const RULES = [
    ['nothing is dropped', /\bDROP (?!DEFAULT|NOT NULL|INDEX)/i],
    ['nothing is renamed', /\bRENAME\b/i],
    ['no column changes its type', /\bALTER (?:COLUMN )?[a-z_0-9]+ (?:SET DATA )?TYPE\b/i],
    ['no column becomes NOT NULL', /\bSET NOT NULL\b/i],
    ['no NULL comes where older versions expect none', /\bDROP NOT NULL\b/i],
    ['no default goes away or changes', /\b(?:SET|DROP) DEFAULT\b/i],
    ['a new column is nullable or has a default', /\bADD (?:COLUMN )?(?!CONSTRAINT|CHECK|UNIQUE|PRIMARY|FOREIGN|EXCLUDE)[a-z_0-9]+ (?:(?!,\s*ADD\b|\bDEFAULT\b).)*?\bNOT NULL\b(?!(?:(?!,\s*ADD\b).)*\bDEFAULT\b)/i],
    ['a new column does not repeat another\'s value', /\bADD (?:COLUMN )?[a-z_0-9]+ (?:(?!,\s*ADD\b).)*\bUNIQUE\b/i],
    ['no constraint is put on what older versions write', /\bADD (?:CONSTRAINT|CHECK|UNIQUE|PRIMARY|FOREIGN|EXCLUDE)\b|^CREATE UNIQUE INDEX\b/i],
    ['no trigger or rule stands in the way of older versions', /^CREATE (?:OR REPLACE )?(?:CONSTRAINT )?(?:TRIGGER|RULE)\b/i],
    ['no function is replaced', /^CREATE OR REPLACE\b/i],
    ['nothing is deleted', /^(?:DELETE|TRUNCATE)\b/i],
];

// Statements without comments, and without what stands in quotes and in $$.
export function statements(sql) {
    const all = [''];
    for (const [piece] of sql.replace(/--.*$/gm, '').matchAll(/\$(\w*)\$[^]*?\$\1\$|'(?:[^']|'')*'|"[^"]*"|;|[^;'"$]+|\$/g))
        if (piece === ';') all.push('');
        else all[all.length - 1] += /^['$]/.test(piece) ? '\'\'' : piece;
    return all.map((s) => s.trim().replace(/\s+/g, ' ')).filter(Boolean);
}

// [{rule, statement}]
export function violations(sql) {
    const all = statements(sql);
    const own = new Set(all.map((s) => new RegExp(`^CREATE TABLE ${name}`, 'i').exec(s)?.[1].toLowerCase()).filter(Boolean));
    return all.filter((s) => !/^CREATE TABLE\b/i.test(s) && !own.has(onTable.exec(s)?.[1].toLowerCase()))
        .flatMap((statement) => RULES.filter(([, breaks]) => breaks.test(statement)).map(([rule]) => ({ rule, statement })));
}
