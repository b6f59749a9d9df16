// Files that wait in a channel's composer.
import { signal } from '@preact/signals';
import { putIn } from '../store/guilds';
import { tell } from '../store/view';
import { text } from '../text';

const FILES_MAX = 10;
export const waitingFiles = signal<ReadonlyMap<string, readonly File[]>>(new Map());
export const filesOf = (channelId: string): readonly File[] => waitingFiles.value.get(channelId) ?? [];

export function addFiles(channelId: string, files: File[]): void {
    const all = [...filesOf(channelId), ...files];
    if (all.length > FILES_MAX) tell(text.composer.tooMany);
    putIn(waitingFiles, channelId, all.slice(0, FILES_MAX));
}
export function removeFile(channelId: string, file: File): void {
    putIn(waitingFiles, channelId, filesOf(channelId).filter((f) => f !== file));
}
export const clearFiles = (channelId: string): void => putIn(waitingFiles, channelId, undefined);

const UNITS = ['B', 'KB', 'MB', 'GB'];
export function sizeOf(bytes: number): string {
    let n = bytes;
    let unit = 0;
    for (; n >= 1000 && unit < UNITS.length - 1; unit++) n /= 1000;
    return `${n >= 10 || unit === 0 ? Math.round(n) : n.toFixed(1)} ${UNITS[unit]}`;
}
