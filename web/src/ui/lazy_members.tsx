// The member list of a large server: only rows in sight are drawn and asked for.
import { useEffect, useRef, useState } from 'preact/hooks';
import type { Guild } from '../store/guilds';
import { lengthOf, memberLists, rangesFor, type ListRow } from '../store/member_lists';
import { presences } from '../store/presence';
import { gatewayState, watchMembers } from '../store/session';
import { text } from '../text';
import { MemberRow } from './member_row';

const ROW_PX = 44;
const MARGIN = 8; // rows drawn beyond those in sight

const titleOf = (guild: Guild, id: string): string => (id === 'online' || id === 'offline' ? text.members[id] : (guild.roles.value.get(id)?.name ?? id));

function Row({ guild, row }: { guild: Guild; row: ListRow | undefined }) {
    if (!row) return <div class="member-waits" aria-hidden="true"><i /><i /></div>;
    if ('group' in row) {
        const count = memberLists.value.get(guild.id)?.groups.find((g) => g.id === row.group.id)?.count ?? row.group.count;
        return <h3>{text.friends.count(titleOf(guild, row.group.id), count)}</h3>;
    }
    return <MemberRow guild={guild} member={guild.members.value.get(row.member.user.id) ?? row.member} />;
}

// What is in sight, in rows.
function useSight(box: { current: HTMLElement | null }): [number, number] {
    const [sight, setSight] = useState<[number, number]>([0, 30]);
    useEffect(() => {
        const element = box.current!;
        const look = (): void => setSight([Math.floor(element.scrollTop / ROW_PX), Math.ceil((element.scrollTop + element.clientHeight) / ROW_PX)]);
        const observer = new ResizeObserver(look);
        observer.observe(element);
        element.addEventListener('scroll', look, { passive: true });
        look();
        return () => {
            observer.disconnect();
            element.removeEventListener('scroll', look);
        };
    }, []);
    return sight;
}

export function LazyMembers({ guild, channel }: { guild: Guild; channel: string }) {
    const box = useRef<HTMLElement>(null);
    const [first, last] = useSight(box);
    const list = memberLists.value.get(guild.id);
    const ranges = rangesFor(first, last);
    const live = gatewayState.value === 'live';
    presences.value;
    useEffect(() => {
        if (live) watchMembers(guild.id, channel, ranges);
    }, [guild.id, channel, JSON.stringify(ranges), live]);
    const total = list ? lengthOf(list) : 0;
    const from = Math.max(0, first - MARGIN);
    const to = Math.min(total, last + MARGIN);
    return (
        <aside ref={box} class="members lazy" aria-label={text.members.label} tabIndex={0}>
            <h2 class="visually-hidden">{text.guild.members(guild.memberCount.value)}</h2>
            <ul style={{ height: `${total * ROW_PX}px` }}>
                {Array.from({ length: Math.max(0, to - from) }, (_, i) => from + i).map((i) => (
                    <li key={i} style={{ top: `${i * ROW_PX}px` }} aria-setsize={total} aria-posinset={i + 1}><Row guild={guild} row={list?.rows.get(i)} /></li>
                ))}
            </ul>
        </aside>
    );
}
