// What to hear of a server, or of one channel.
import { findChannel, titleOf } from '../../store/directs';
import { guilds } from '../../store/guilds';
import { changeChannelQuiet, changeGuildQuiet, channelQuietOf, isChannelMuted, isGuildMuted, Level, muting, quietOf } from '../../store/quiet';
import { tell } from '../../store/view';
import { reason, text } from '../../text';
import { Dialog } from './dialog';

const attempt = (work: Promise<unknown>): void => void work.catch((e: unknown) => tell(reason(e)));
const NO = 'no';

function Mute({ muted, set }: { muted: boolean; set: (seconds: number | null) => void }) {
    return (
        <label class="field"><span>{text.quiet.mute}</span>
            <select onChange={(e) => set(e.currentTarget.value === NO ? null : Number(e.currentTarget.value))}>
                <option value={NO} selected={!muted}>{text.quiet.notMuted}</option>
                {text.quiet.times.map(([n, label]) => <option value={n} selected={muted && n === 0}>{label}</option>)}
            </select>
        </label>
    );
}

function Levels({ now, inherit, set }: { now: number; inherit: boolean; set: (level: number) => void }) {
    const rows: [number, string][] = text.quiet.levels.map((label, n) => [n, label]);
    if (inherit) rows.unshift([Level.Inherit, text.quiet.inherit]);
    return (
        <fieldset>
            <legend>{text.quiet.level}</legend>
            {rows.map(([n, label]) => <label class="choice"><input type="radio" name="level" checked={now === n} onChange={() => set(n)} /> {label}</label>)}
        </fieldset>
    );
}

export function QuietGuild({ id }: { id: string }) {
    const guild = guilds.value.get(id);
    if (!guild) return null;
    const q = quietOf(id);
    const set = (changes: Parameters<typeof changeGuildQuiet>[1]): void => attempt(changeGuildQuiet(id, changes));
    const level = q?.message_notifications ?? Level.Inherit;
    return (
        <Dialog title={text.quiet.title(guild.name.value)}>
            <div class="form">
                <Mute muted={isGuildMuted(id)} set={(seconds) => set(muting(seconds))} />
                <Levels now={level === Level.Inherit ? (guild.info.value.default_message_notifications ?? 0) : level} inherit={false} set={(n) => set({ message_notifications: n })} />
                <label class="choice"><input type="checkbox" checked={q?.suppress_everyone} onChange={(e) => set({ suppress_everyone: e.currentTarget.checked })} /> {text.quiet.everyone}</label>
                <label class="choice"><input type="checkbox" checked={q?.suppress_roles} onChange={(e) => set({ suppress_roles: e.currentTarget.checked })} /> {text.quiet.roles}</label>
                <label class="choice"><input type="checkbox" checked={q?.hide_muted_channels} onChange={(e) => set({ hide_muted_channels: e.currentTarget.checked })} /> {text.quiet.hide}</label>
            </div>
        </Dialog>
    );
}

export function QuietChannel({ id }: { id: string }) {
    const channel = findChannel(id);
    if (!channel) return null;
    return (
        <Dialog title={text.quiet.title(titleOf(channel))}>
            <div class="form">
                <Mute muted={isChannelMuted(id)} set={(seconds) => attempt(changeChannelQuiet(id, muting(seconds)))} />
                <Levels now={channelQuietOf(id)?.message_notifications ?? Level.Inherit} inherit set={(n) => attempt(changeChannelQuiet(id, { message_notifications: n }))} />
            </div>
        </Dialog>
    );
}
