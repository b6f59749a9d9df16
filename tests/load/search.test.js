// Goal: the measuring of search, small: hits are complete, no search reads its table from end to end. At full size: tests/load/run search.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { withHubbub } from '../e2e/harness.js';
import { search } from './search.js';

const up = withHubbub({ before, after });

test('a filled Hubbub is indexed by itself and searched', { timeout: 240_000 }, async () => {
    const result = await search(up.hub, { messages: 24_000, times: 8, rate: 20, seconds: 1 });
    console.log(JSON.stringify(result));
    assert.equal(result.messages, 24_000);
    assert.equal(result.searches['author in a channel'].hits > 0, true);
});
