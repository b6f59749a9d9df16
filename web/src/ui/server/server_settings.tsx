// Which sections a server's settings have for whom.
import { mayInGuild, Permission } from '../../store/permissions';
import { currentGuild } from '../../store/view';
import type { Guild } from '../../store/guilds';
import { text } from '../../text';
import { Screen, type Section } from '../screen';
import { Audit } from './audit';
import { Bans } from './bans';
import { Emojis } from './emojis';
import { Invites } from './invites';
import { Members } from './members';
import { Overview } from './overview';
import { Roles } from './roles';
import { Webhooks } from './webhooks';

const SECTIONS: [keyof typeof text.server.sections, bigint, (guild: Guild) => Section['draw']][] = [
    ['overview', Permission.ManageGuild, (g) => () => <Overview guild={g} />],
    ['roles', Permission.ManageRoles, (g) => () => <Roles guild={g} />],
    ['emojis', Permission.ManageEmoji | Permission.CreateEmoji, (g) => () => <Emojis guild={g} />],
    ['members', Permission.ManageRoles | Permission.Kick | Permission.Ban | Permission.TimeOut | Permission.ManageNicknames, (g) => () => <Members guild={g} />],
    ['invites', Permission.ManageGuild, (g) => () => <Invites guild={g} />],
    ['bans', Permission.Ban, (g) => () => <Bans guild={g} />],
    ['webhooks', Permission.ManageWebhooks, (g) => () => <Webhooks guild={g} />],
    ['audit', Permission.AuditLog, (g) => () => <Audit guild={g} />],
];
const ANY = SECTIONS.reduce((bits, [, needed]) => bits | needed, 0n);
export const hasServerSettings = (guild: Guild): boolean => mayInGuild(guild, ANY);

export function ServerSettings() {
    const guild = currentGuild.value;
    if (!guild) return null;
    const sections = SECTIONS.map(([key, needed, draw]) => mayInGuild(guild, needed) && { key, label: text.server.sections[key], draw: draw(guild) });
    return <Screen title={guild.name.value} sections={sections} />;
}
