// node tools/compatibility/generate.js: writes docs/compatibility.md; complains of what the test will refuse.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { judge, top, write } from './compatibility.js';

const judged = judge();
writeFileSync(join(top, 'docs/compatibility.md'), write(judged));
for (const problem of judged.problems) console.error(problem);
process.exitCode = judged.problems.length ? 1 : 0;
