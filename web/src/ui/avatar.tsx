// A face: the picture that was chosen, or the first letters of the name on a colour that belongs to the id.
import type { Status } from '../store/presence';
import { users } from '../store/guilds';
import { text } from '../text';
import { Icon } from './icons';
import { avatarUrl } from './images';

const COLORS = ['#4653c4', '#2f7a4f', '#9a4f12', '#b03060', '#7d46b3', '#1f6f8b', '#8a6100', '#a83a32'];

export const initials = (name: string): string => {
    const words = name.trim().split(/[\s_.-]+/).filter(Boolean);
    const letters = words.length > 1 ? [words[0]!, words[1]!].map((w) => [...w][0]) : [...(words[0] ?? '?')].slice(0, 1);
    return letters.join('').toUpperCase();
};
export const colorOf = (id: string): string => COLORS[Number(BigInt(id) >> 22n) % COLORS.length]!;

export function Avatar({ id, name, size = 40, status, group }: { id: string; name: string; size?: number; status?: Status; group?: boolean }) {
    const picture = group ? undefined : avatarUrl(users.get(id), size);
    return (
        <span class="avatar" style={{ width: `${size}px`, height: `${size}px`, fontSize: `${Math.round(size * 0.4)}px` }}>
            {picture ? <img class="avatar-face" src={picture} alt="" width={size} height={size} decoding="async" /> : <span class="avatar-face" style={{ background: colorOf(id) }} aria-hidden="true">
                {group ? <Icon name="people" size={Math.round(size * 0.6)} /> : initials(name)}
            </span>}
            {status && <span class={`dot dot-${status}`} role="img" aria-label={text.members.status[status]} />}
        </span>
    );
}
