import { guilds, nameOfUser, type Guild } from '../store/guilds';
import { me } from '../store/me';
import { dialog, pane } from '../store/view';
import { text } from '../text';
import { IconButton } from './icons';

export function Home({ guild }: { guild: Guild | undefined }) {
    return (
        <main class="home">
            <header class="chat-header">
                <IconButton icon="menu" class="phone-only" label={text.chat.showNav} onClick={() => (pane.value = 'nav')} />
            </header>
            <div class="home-body">
                {guild ? (
                    <p>{text.channel.none}</p>
                ) : (
                    <>
                        <h1>{text.home.title(nameOfUser(me.value!))}</h1>
                        <p>{guilds.value.size ? text.home.some : text.home.none}</p>
                        <button type="button" class="primary" onClick={() => (dialog.value = { name: 'guild-new' })}>{text.rail.add}</button>
                    </>
                )}
            </div>
        </main>
    );
}
