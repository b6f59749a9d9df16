import { react } from '../api/routes';
import type { Message } from '../api/types';
import { mayIn, Permission } from '../store/permissions';
import { tell } from '../store/view';
import { reason, text } from '../text';
import { Icon } from './icons';
import { openPicker } from './picker';

export function toggle(m: Message, emoji: string): void {
    const mine = m.reactions?.some((r) => r.emoji.name === emoji && r.me);
    react(m.channel_id, m.id, emoji, !mine).catch((e: unknown) => tell(reason(e)));
}

export function Reactions({ message: m }: { message: Message }) {
    if (!m.reactions?.length) return null;
    return (
        <div class="reactions">
            {m.reactions.map((r) => {
                const name = r.emoji.name ?? '?';
                const key = r.emoji.id ? `${name}:${r.emoji.id}` : name;
                return (
                    <button key={key} type="button" class="reaction" aria-pressed={r.me} aria-label={text.message.reaction(name, r.count, r.me)} onClick={() => toggle(m, key)}>
                        <span aria-hidden="true">{r.emoji.id ? `:${name}:` : name}</span> {r.count}
                    </button>
                );
            })}
            {mayIn(m.channel_id, Permission.AddReactions) && (
                <button type="button" class="reaction add" aria-label={text.message.react} onClick={(e) => openPicker(e.currentTarget, (c) => toggle(m, c))}>
                    <Icon name="smile" size={16} />
                </button>
            )}
        </div>
    );
}
