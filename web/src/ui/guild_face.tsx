// A server's icon, or the first letters of its name.
import type { Guild } from '../store/guilds';
import { colorOf, initials } from './avatar';
import { iconUrl } from './images';

export function GuildFace({ guild, size }: { guild: Guild; size: number }) {
    const icon = iconUrl(guild.id, guild.info.value.icon, size);
    const style = { width: `${size}px`, height: `${size}px`, fontSize: `${Math.round(size * 0.36)}px` };
    return icon ? <img class="guild-face" style={style} src={icon} alt="" /> : <span class="guild-face" style={{ ...style, background: colorOf(guild.id) }} aria-hidden="true">{initials(guild.name.value)}</span>;
}
