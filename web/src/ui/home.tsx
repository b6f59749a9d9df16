// A server without a channel that could be shown.
import { pane } from '../store/view';
import { text } from '../text';
import { Icon, IconButton } from './icons';

export function EmptyGuild() {
    return (
        <main class="home">
            <header class="chat-header">
                <IconButton icon="menu" class="phone-only" label={text.chat.showNav} onClick={() => (pane.value = 'nav')} />
            </header>
            <div class="home-body">
                <Icon name="hash" size={56} />
                <h1>{text.channel.none}</h1>
                <p>{text.home.noChannel}</p>
            </div>
        </main>
    );
}
