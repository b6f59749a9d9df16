import { react } from '../api/routes';
import type { Message, Reaction } from '../api/types';
import { mayIn, Permission } from '../store/permissions';
import { tell } from '../store/view';
import { reason, text } from '../text';
import { CustomEmoji } from './custom_emoji';
import { Icon } from './icons';
import { openPicker } from './picker';

// As a reaction's route names it. One that the server no longer has is told without a name: any serves.
const keyOf = (e: Reaction['emoji']): string => (e.id ? `${e.name ?? 'gone'}:${e.id}` : (e.name ?? '?'));

export function toggle(m: Message, emoji: string): void {
    const mine = m.reactions?.some((r) => keyOf(r.emoji) === emoji && r.me);
    react(m.channel_id, m.id, emoji, !mine).catch((e: unknown) => tell(reason(e)));
}

export function Reactions({ message: m }: { message: Message }) {
    if (!m.reactions?.length) return null;
    return (
        <div class="reactions">
            {m.reactions.map((r) => {
                const { id } = r.emoji;
                const name = r.emoji.name ?? (id ? text.message.goneEmoji : '?');
                const key = keyOf(r.emoji);
                return (
                    <button key={key} type="button" class="reaction" aria-pressed={r.me} aria-label={text.message.reaction(id ? `:${name}:` : name, r.count, r.me)} onClick={() => toggle(m, key)}>
                        <span aria-hidden="true">{id ? <CustomEmoji id={id} name={name} animated={r.emoji.animated} /> : name}</span> {r.count}
                    </button>
                );
            })}
            {mayIn(m.channel_id, Permission.AddReactions) && (
                <button type="button" class="reaction add" aria-label={text.message.react} onClick={(e) => openPicker(e.currentTarget, m.channel_id, (c) => toggle(m, c.reaction))}>
                    <Icon name="smile" size={16} />
                </button>
            )}
        </div>
    );
}
