import { render } from 'preact';
import { effect } from '@preact/signals';
import { followSeen, keepSeen, showSeen } from './store/cache';
import { token } from './store/me';
import { resumeSession } from './store/session';
import { mentionsAll, tellRead } from './store/unread';
import { compact, followAddress, still, theme } from './store/view';
import { text } from './text';
import { App } from './ui/app';
import './ui/styles/base.css';
import './ui/styles/layout.css';
import './ui/styles/chat.css';
import './ui/styles/parts.css';
import './ui/styles/screens.css';

effect(() => {
    document.documentElement.dataset.theme = theme.value;
    document.documentElement.dataset.still = String(still.value);
    document.documentElement.dataset.compact = String(compact.value);
});
effect(() => {
    const n = mentionsAll();
    document.title = n ? `(${n}) ${text.name}` : text.name;
});
window.addEventListener('hashchange', followAddress);
window.addEventListener('pagehide', () => {
    tellRead();
    keepSeen();
});
if (token.value) showSeen();
followSeen();
followAddress();
resumeSession();
render(<App />, document.getElementById('app')!);
