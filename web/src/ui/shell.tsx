// The frame around everything once somebody is signed in: banner, rail, channels, chat, members.
import { useEffect, useState } from 'preact/hooks';
import { guilds } from '../store/guilds';
import { me } from '../store/me';
import { gatewayState, reconnectNow, retryAt } from '../store/session';
import { channelToOpen, currentChannel, currentGuild, membersShown, pane, place } from '../store/view';
import { isText } from '../store/guilds';
import { text } from '../text';
import { Chat } from './chat';
import { Home } from './home';
import { handleShortcut } from './shortcuts';
import { MemberList } from './members';
import { Rail } from './rail';
import { Sidebar } from './sidebar';

function Banner() {
    const [, tick] = useState(0);
    const state = gatewayState.value;
    const waiting = state === 'waiting';
    const [shown, show] = useState(false);
    // A connection that is back within a moment is not worth a word.
    useEffect(() => {
        if (state === 'live') return show(false);
        const late = setTimeout(() => show(true), 700);
        const timer = setInterval(() => tick((n) => n + 1), 500);
        return () => {
            clearTimeout(late);
            clearInterval(timer);
        };
    }, [state]);
    if (!shown || !me.value || state === 'live') return null;
    return (
        <div class="banner" role="status">
            <span>{text.connection.lost}</span>
            <span>{waiting ? text.connection.retryIn(Math.max(0, Math.ceil((retryAt.value - Date.now()) / 1000))) : text.connection.connecting}</span>
            {waiting && <button type="button" onClick={reconnectNow}>{text.connection.retry}</button>}
        </div>
    );
}

// An address without a channel, or with one that is gone, becomes one that can be shown.
function useValidPlace(): void {
    const { guild, channel } = place.value;
    const known = currentGuild.value;
    const gone = !!known && (!channel || !known.channels.value.has(channel));
    const size = guilds.value.size;
    useEffect(() => {
        if (!gone || !guild) return;
        const next = channelToOpen(guild);
        if (next) history.replaceState(null, '', `#/${guild}/${next}`);
        if (next || channel) place.value = { guild, channel: next };
    }, [gone, guild, channel, size]);
}

export function Shell() {
    useValidPlace();
    useEffect(() => {
        document.addEventListener('keydown', handleShortcut);
        return () => document.removeEventListener('keydown', handleShortcut);
    }, []);
    const channel = currentChannel.value;
    const guild = currentGuild.value;
    if (!me.value)
        return (
            <main class="splash" aria-busy="true">
                <p>{gatewayState.value === 'waiting' ? text.connection.lost : text.connection.loading}</p>
                {gatewayState.value === 'waiting' && <button type="button" class="primary" onClick={reconnectNow}>{text.connection.retry}</button>}
            </main>
        );
    return (
        <div class="shell" data-pane={pane.value} data-members={membersShown.value && !!guild}>
            <Banner />
            <div class="nav">
                <Rail />
                <Sidebar guild={guild} />
            </div>
            {guild && channel && isText(channel) ? <Chat key={channel.id} guild={guild} channel={channel} /> : <Home guild={guild} />}
            {guild && <MemberList guild={guild} />}
            {pane.value !== 'chat' && <div class="scrim" onClick={() => (pane.value = 'chat')} />}
        </div>
    );
}
