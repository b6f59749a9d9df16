// The frame around everything once somebody is signed in: banner, rail, channels, chat, members.
import { useEffect, useState } from 'preact/hooks';
import { ChannelType, type Channel } from '../api/types';
import { isDirect } from '../store/directs';
import { guilds, isText, type Guild } from '../store/guilds';
import { me } from '../store/me';
import { viewAs } from '../store/permissions';
import { gatewayState, reconnectNow, retryAt } from '../store/session';
import { channelToOpen, currentChannel, currentGuild, linked, membersShown, pane, panel, place } from '../store/view';
import { text } from '../text';
import { Chat } from './chat';
import { jumpTo } from './follow';
import { Friends } from './friends';
import { EmptyGuild } from './home';
import { handleShortcut } from './shortcuts';
import { MemberList } from './members';
import { PinsPanel } from './pins';
import { Rail } from './rail';
import { Recipients } from './recipients';
import { SearchPanel } from './search';
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

function ViewAsBanner() {
    const as = viewAs.value;
    if (!as) return null;
    return (
        <div class="banner view-as" role="status">
            <span>{text.viewAs.now(as.name)}</span>
            <button type="button" onClick={() => (viewAs.value = null)}>{text.viewAs.end}</button>
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

function Middle({ guild, channel }: { guild: Guild | undefined; channel: Channel | undefined }) {
    if (channel && isText(channel) && !!guild !== isDirect(channel)) return <Chat key={channel.id} guild={guild} channel={channel} />;
    return guild || place.value.guild ? <EmptyGuild /> : <Friends />;
}

function Right({ guild, channel }: { guild: Guild | undefined; channel: Channel | undefined }) {
    if (panel.value === 'search' && guild) return <SearchPanel key={guild.id} scope={{ guild }} />;
    if (panel.value === 'search' && channel && isDirect(channel)) return <SearchPanel key={channel.id} scope={{ direct: channel }} />;
    if (panel.value === 'pins' && channel) return <PinsPanel key={channel.id} channel={channel.id} />;
    if (guild) return <MemberList guild={guild} />;
    return channel?.type === ChannelType.Group ? <Recipients channel={channel} /> : null;
}

// An address with a message: there, once its channel is known.
function useLinked(channel: Channel | undefined): void {
    const message = linked.value;
    useEffect(() => {
        if (!message || !channel || channel.id !== place.value.channel) return;
        linked.value = null;
        jumpTo(place.value.guild, channel.id, message);
    }, [message, channel?.id]);
}

export function Shell() {
    useValidPlace();
    useLinked(currentChannel.value);
    useEffect(() => {
        document.addEventListener('keydown', handleShortcut);
        return () => document.removeEventListener('keydown', handleShortcut);
    }, []);
    const channel = currentChannel.value;
    const guild = currentGuild.value;
    const hasList = !!guild || channel?.type === ChannelType.Group;
    if (!me.value)
        return (
            <main class="splash" aria-busy="true">
                <p>{gatewayState.value === 'waiting' ? text.connection.lost : text.connection.loading}</p>
                {gatewayState.value === 'waiting' && <button type="button" class="primary" onClick={reconnectNow}>{text.connection.retry}</button>}
            </main>
        );
    return (
        <div class="shell" data-pane={pane.value} data-members={!!panel.value || (membersShown.value && hasList)}>
            <Banner />
            <ViewAsBanner />
            <div class="nav">
                <Rail />
                <Sidebar guild={guild} />
            </div>
            <Middle guild={guild} channel={channel} />
            <Right guild={guild} channel={channel} />
            {pane.value !== 'chat' && <div class="scrim" onClick={() => (pane.value = 'chat')} />}
        </div>
    );
}
