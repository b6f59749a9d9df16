// Markdown in one line, for previews: what is bold stays bold, what was a block or could be pressed becomes text.
import type { ComponentChildren } from 'preact';
import { findChannel } from '../../store/directs';
import { nameIn, users, type Guild } from '../../store/guilds';
import { fullTime } from '../time';
import { CustomEmoji } from '../custom_emoji';
import { parse, type Node } from './parse';

const TAGS = { bold: 'strong', italic: 'em', underline: 'u', strike: 's' } as const;

function draw(node: Node, guild: Guild | undefined): ComponentChildren {
    const all = (nodes: Node[]): ComponentChildren => nodes.map((n) => draw(n, guild));
    switch (node.type) {
        case 'text':
        case 'everyone':
            return node.text;
        case 'bold':
        case 'italic':
        case 'underline':
        case 'strike': {
            const Tag = TAGS[node.type];
            return <Tag>{all(node.children)}</Tag>;
        }
        case 'spoiler':
            return <span class="spoiler hidden"><span>{all(node.children)}</span></span>;
        case 'code':
        case 'block':
            return <code>{node.text.split('\n')[0]}</code>;
        case 'list':
            return node.items.map((item) => <>{all(item)} </>);
        case 'user':
            return `@${users.has(node.id) ? nameIn(guild, users.get(node.id)!) : node.id}`;
        case 'role':
            return `@${guild?.roles.value.get(node.id)?.name ?? node.id}`;
        case 'channel':
            return `#${findChannel(node.id)?.name ?? node.id}`;
        case 'emoji':
            return <CustomEmoji id={node.id} name={node.name} animated={node.animated} />;
        case 'time':
            return Math.abs(node.seconds) > 8.64e12 ? node.seconds : fullTime(node.seconds * 1000);
        default:
            return all(node.children);
    }
}

export function InlineMarkdown({ source, guild }: { source: string; guild: Guild | undefined }) {
    return <>{parse(source.slice(0, 300)).map((n) => draw(n, guild))}</>;
}
