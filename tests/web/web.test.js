// What people do in the web client, one test after the other in one Hubbub and one browser.
import './serving.test.js';
import './conversation.test.js';
import './people.test.js';
import './server.test.js';
import './emoji.test.js';
import './account.test.js';
import './admin.test.js';
import './mail.test.js';
import './large.test.js';
import './offline.test.js';
import './nginx.test.js';
import './scroll.test.js';
