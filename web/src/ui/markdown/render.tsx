// The tree of parse.ts as elements.
import type { ComponentChildren } from 'preact';
import { useMemo, useState } from 'preact/hooks';
import { text } from '../../text';
import { findChannel } from '../../store/directs';
import { guildOf, nameIn, users } from '../../store/guilds';
import { currentGuild, openChannel } from '../../store/view';
import { CustomEmoji } from '../custom_emoji';
import { openProfile } from '../profile';
import { fullTime, relativeTime, stampTime } from '../time';
import { highlight } from './highlight';
import { isJumbo, parse, type Node } from './parse';

function Spoiler({ children }: { children: ComponentChildren }) {
    const [shown, show] = useState(false);
    if (shown) return <span class="spoiler shown">{children}</span>;
    return (
        <button type="button" class="spoiler" aria-label={text.chat.spoiler} onClick={() => show(true)}>
            <span aria-hidden="true">{children}</span>
        </button>
    );
}

function Block({ language, source }: { language: string; source: string }) {
    return (
        <pre class="code-block" tabIndex={0} aria-label={language || 'code'}>
            <code>
                {highlight(source, language).map((t) => (t.kind ? <span class={`hl-${t.kind}`}>{t.text}</span> : t.text))}
            </code>
        </pre>
    );
}

function UserMention({ id }: { id: string }) {
    const user = users.get(id);
    if (!user) return <span class="mention">@{id}</span>;
    return (
        <button type="button" class="mention" onClick={(e) => openProfile(id, e.currentTarget)}>
            @{nameIn(currentGuild.value, user)}
        </button>
    );
}
function RoleMention({ id }: { id: string }) {
    const role = currentGuild.value?.roles.value.get(id);
    return <span class="mention">@{role?.name.replace(/^@/, '') ?? id}</span>;
}
function ChannelMention({ id }: { id: string }) {
    const channel = findChannel(id);
    const guild = guildOf(id);
    if (!channel || !guild) return <span class="mention">#{id}</span>;
    return (
        <button type="button" class="mention" onClick={() => openChannel(guild.id, id)}>
            #{channel.name}
        </button>
    );
}
function Time({ seconds, style }: { seconds: number; style: string }) {
    const ms = seconds * 1000;
    if (Math.abs(ms) > 8.64e15) return <>{seconds}</>;
    const shown = style === 'R' ? relativeTime(ms) : stampTime(ms, style);
    return (
        <time class="stamp" dateTime={new Date(ms).toISOString()} title={fullTime(ms)}>
            {shown}
        </time>
    );
}

const TAGS = { bold: 'strong', italic: 'em', underline: 'u', strike: 's', quote: 'blockquote', small: 'small' } as const;

function draw(node: Node): ComponentChildren {
    switch (node.type) {
        case 'text':
            return node.text;
        case 'spoiler':
            return <Spoiler>{node.children.map(draw)}</Spoiler>;
        case 'code':
            return <code>{node.text}</code>;
        case 'block':
            return <Block language={node.language} source={node.text} />;
        case 'link':
            if (node.href.startsWith(`${location.origin}/#/`)) return <a href={node.href}>{node.children.map(draw)}</a>; // stays in this page
            return (
                <a href={node.href} target="_blank" rel="noopener noreferrer nofollow">
                    {node.children.map(draw)}
                </a>
            );
        case 'user':
            return <UserMention id={node.id} />;
        case 'role':
            return <RoleMention id={node.id} />;
        case 'channel':
            return <ChannelMention id={node.id} />;
        case 'everyone':
            return <span class="mention">{node.text}</span>;
        case 'emoji':
            return <CustomEmoji id={node.id} name={node.name} animated={node.animated} />;
        case 'time':
            return <Time seconds={node.seconds} style={node.style} />;
        case 'heading':
            return <div class={`heading heading-${node.level}`}>{node.children.map(draw)}</div>;
        case 'list': {
            const items = node.items.map((item) => <li>{item.map(draw)}</li>);
            return node.ordered ? <ol start={node.start}>{items}</ol> : <ul>{items}</ul>;
        }
        default: {
            const Tag = TAGS[node.type];
            return <Tag>{node.children.map(draw)}</Tag>;
        }
    }
}

export function Markdown({ source }: { source: string }) {
    const tree = useMemo(() => parse(source), [source]);
    const drawn = tree.map(draw);
    return <span class={isJumbo(source) ? 'markdown jumbo' : 'markdown'}>{drawn}</span>;
}
