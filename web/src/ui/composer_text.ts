// The text box of the open channel, for those who put something into it from elsewhere; and drafts, kept in this browser.
import { load, save } from '../store/storage';

const box = (): HTMLTextAreaElement | null => document.querySelector('.composer textarea');

export function insertInComposer(what: string): void {
    const area = box();
    if (!area) return;
    area.focus();
    area.setRangeText(what, area.selectionStart, area.selectionEnd, 'end');
    area.dispatchEvent(new Event('input', { bubbles: true }));
}
export const focusComposer = (): void => box()?.focus();

const DRAFTS_MAX = 100;
const drafts = load<Record<string, string>>('drafts', {});
export const draftOf = (channelId: string): string => drafts[channelId] ?? '';
export function keepDraft(channelId: string, content: string): void {
    if (content) drafts[channelId] = content;
    else delete drafts[channelId];
    for (const old of Object.keys(drafts).slice(0, -DRAFTS_MAX)) delete drafts[old];
    save('drafts', drafts);
}
