// My settings that the server keeps: the status I chose and the words beside it.
import { signal } from '@preact/signals';
import { editSettings } from '../api/routes';
import type { CustomStatus, UserSettings } from '../api/types';
import { myStatus, type Chosen } from './presence';

export const customStatus = signal<CustomStatus | null>(null);
const ended = (s: CustomStatus): boolean => !!s.expires_at && Date.parse(s.expires_at) <= Date.now();

export function putSettings(s: Partial<UserSettings>): void {
    if (s.status) myStatus.value = s.status as Chosen;
    if (s.custom_status !== undefined) customStatus.value = s.custom_status && !ended(s.custom_status) ? s.custom_status : null;
}
export async function saveSettings(changes: Partial<UserSettings>): Promise<void> {
    putSettings(changes);
    putSettings(await editSettings(changes));
}

// As others are told it.
export function activitiesOf(s: CustomStatus | null): object[] {
    if (!s || ended(s)) return [];
    return [{ type: 4, name: 'Custom Status', state: s.text ?? null, ...(s.emoji_name && { emoji: { name: s.emoji_name } }) }];
}
