// Suggestions while one writes @name, #channel or :emoji:. The text box stays in charge: arrows choose, Tab or Enter takes.
import type { ComponentChildren, RefObject } from 'preact';
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { searchMembers } from '../api/routes';
import type { Channel, User } from '../api/types';
import { findUsable } from '../store/emojis';
import { nameIn, putMembers, textChannelsOf, type Guild } from '../store/guilds';
import { me } from '../store/me';
import { text } from '../text';
import { CustomEmoji } from './custom_emoji';
import { findEmoji } from './emoji';

interface Suggestion {
    face?: ComponentChildren;
    label: string;
    detail?: string;
    insert: string;
}
const SHOWN_MAX = 8;
const WORD = /(?:^|\s)([@#:])([\p{L}\p{N}_.+~-]{0,32})$/u;

const usersIn = (guild: Guild | undefined, channel: Channel): User[] =>
    guild ? [...guild.members.value.values()].map((m) => m.user) : [...(channel.recipients ?? []), me.value!];

function usersLike(guild: Guild | undefined, channel: Channel, query: string): Suggestion[] {
    const found = usersIn(guild, channel).filter((u) => [nameIn(guild, u), u.username].some((n) => n.toLowerCase().includes(query)));
    const rank = (n: string): number => (n.toLowerCase().startsWith(query) ? 0 : 1);
    found.sort((a, b) => rank(nameIn(guild, a)) - rank(nameIn(guild, b)));
    return found.slice(0, SHOWN_MAX).map((u) => ({ label: `@${nameIn(guild, u)}`, detail: u.username, insert: `<@${u.id}> ` }));
}
function rolesLike(guild: Guild | undefined, query: string): Suggestion[] {
    const roles = [...(guild?.roles.value.values() ?? [])].filter((r) => r.id !== guild!.id && r.mentionable && r.name.toLowerCase().includes(query));
    return roles.map((r) => ({ label: `@${r.name}`, detail: text.composer.role, insert: `<@&${r.id}> ` }));
}

function emojiLike(channel: Channel, query: string): Suggestion[] {
    const own = findUsable(channel.id, query, SHOWN_MAX).map(({ emoji: e, guild, key }) => ({ face: <CustomEmoji id={e.id} name={key} animated={e.animated} />, label: `:${key}:`, detail: guild.name.value, insert: `:${key}: ` }));
    const plain = findEmoji(query, SHOWN_MAX).map((e) => ({ face: e.char, label: `:${e.words[0]}:`, insert: `${e.char} ` }));
    return [...own, ...plain].slice(0, SHOWN_MAX);
}

function suggest(guild: Guild | undefined, channel: Channel, kind: string, query: string): Suggestion[] {
    const q = query.toLowerCase();
    if (kind === '@') return [...usersLike(guild, channel, q), ...rolesLike(guild, q)].slice(0, SHOWN_MAX);
    if (kind === '#') return !guild ? [] : textChannelsOf(guild).filter((c) => c.name.toLowerCase().includes(q)).slice(0, SHOWN_MAX).map((c) => ({ label: `#${c.name}`, insert: `<#${c.id}> ` }));
    return q.length < 2 ? [] : emojiLike(channel, q);
}

export function useCompletion(guild: Guild | undefined, channel: Channel, area: RefObject<HTMLTextAreaElement | null>, content: string, setContent: (value: string) => void) {
    const [chosen, setChosen] = useState(0);
    const [dismissed, setDismissed] = useState('');
    const goal = useRef<number | null>(null); // where the caret goes with what was taken
    const caret = goal.current ?? area.current?.selectionStart ?? content.length;
    const word = WORD.exec(content.slice(0, caret));
    const list = word && dismissed !== word[0] ? suggest(guild, channel, word[1]!, word[2]!) : [];
    useEffect(() => setChosen(0), [word?.[0]]);
    // A large server's members are not all here: those of this name are asked for.
    useEffect(() => {
        if (!guild?.large || word?.[1] !== '@' || !word[2]) return;
        const timer = setTimeout(() => searchMembers(guild.id, word[2]!).then((found) => putMembers(guild.id, found), () => {}), 250);
        return () => clearTimeout(timer);
    }, [word?.[0]]);

    const take = (s: Suggestion): void => {
        const start = caret - word![2]!.length - 1;
        setContent(content.slice(0, start) + s.insert + content.slice(caret));
        goal.current = start + s.insert.length;
    };
    useLayoutEffect(() => {
        if (goal.current === null) return;
        area.current?.focus();
        area.current?.setSelectionRange(goal.current, goal.current);
        goal.current = null;
    }, [content]);
    const press = (e: KeyboardEvent): boolean => {
        if (!list.length || e.isComposing) return false;
        const by = e.key === 'ArrowDown' ? 1 : e.key === 'ArrowUp' ? -1 : 0;
        if (by) setChosen((chosen + by + list.length) % list.length);
        else if (e.key === 'Tab' || (e.key === 'Enter' && !e.shiftKey)) take(list[chosen] ?? list[0]!);
        else if (e.key === 'Escape') setDismissed(word![0]);
        else return false;
        e.preventDefault();
        e.stopPropagation();
        return true;
    };
    const open = list.length > 0;
    const aria = {
        'aria-autocomplete': 'list' as const,
        'aria-controls': open ? 'suggestions' : undefined,
        'aria-activedescendant': open ? `suggestion-${chosen}` : undefined,
    };
    return { list, chosen, take, press, aria };
}

export function Completion({ state }: { state: ReturnType<typeof useCompletion> }) {
    if (!state.list.length) return null;
    return (
        <ul id="suggestions" class="suggestions" role="listbox" aria-label={text.composer.suggestions}>
            {state.list.map((s, i) => (
                <li key={s.insert} id={`suggestion-${i}`} role="option" aria-selected={i === state.chosen} onMouseDown={(e) => { e.preventDefault(); state.take(s); }}>
                    <span class="cut">{s.face && <span class="suggestion-face" aria-hidden="true">{s.face}</span>}{s.label}</span> {s.detail && <small>{s.detail}</small>}
                </li>
            ))}
        </ul>
    );
}
