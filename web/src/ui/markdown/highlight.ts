// Colours code without knowing the language well: comments, strings, numbers and the usual keywords.
export interface Token {
    kind: '' | 'comment' | 'string' | 'number' | 'keyword' | 'call';
    text: string;
}

const KEYWORDS = new Set(
    ('abstract and as async await auto begin bool boolean break case catch char class const continue def default defer del delete do double elif else ' +
        'end enum except export extends extern false final finally float fn for from func function go goto if impl implements import in int interface is ' +
        'lambda let local long loop match mod module mut namespace new nil none not null of or package pass private proc protected pub public raise ' +
        'readonly return select self short signed sizeof static string struct super switch then this throw trait true try type typedef typeof union ' +
        'unless unsigned until use using var virtual void volatile when where while with yield').split(' '),
);
const HASH_COMMENTS = new Set(['py', 'python', 'sh', 'bash', 'rb', 'ruby', 'yaml', 'yml', 'toml', 'perl', 'r', 'make', 'dockerfile']);
const SLASH = /\/\/.*|\/\*[^]*?(?:\*\/|$)/;
const HASH = /#.*/;
const REST = /"(?:\\.|[^"\\\n])*"?|'(?:\\.|[^'\\\n])*'?|`(?:\\.|[^`\\])*`?|\b\d[\w.]*|[A-Za-z_$][\w$]*/;

export function highlight(source: string, language: string): Token[] {
    if (!language || language === 'txt' || language === 'text') return [{ kind: '', text: source }];
    const comment = HASH_COMMENTS.has(language.toLowerCase()) ? HASH : SLASH;
    const pattern = new RegExp(`(${comment.source})|${REST.source}`, 'g');
    const out: Token[] = [];
    let at = 0;
    for (const m of source.matchAll(pattern)) {
        if (m.index > at) out.push({ kind: '', text: source.slice(at, m.index) });
        at = m.index + m[0].length;
        out.push({ kind: kindOf(m[0], m[1] !== undefined, source[at]), text: m[0] });
    }
    if (at < source.length) out.push({ kind: '', text: source.slice(at) });
    return out;
}

function kindOf(word: string, isComment: boolean, next: string | undefined): Token['kind'] {
    if (isComment) return 'comment';
    if (/^["'`]/.test(word)) return 'string';
    if (/^\d/.test(word)) return 'number';
    if (KEYWORDS.has(word)) return 'keyword';
    return next === '(' ? 'call' : '';
}
