// Times as people of this browser's language read them.
import { text } from '../text';

const format = (options: Intl.DateTimeFormatOptions) => new Intl.DateTimeFormat(undefined, options);
const clock = format({ hour: '2-digit', minute: '2-digit' });
const day = format({ day: 'numeric', month: 'long', year: 'numeric' });
const dayAndClock = format({ dateStyle: 'medium', timeStyle: 'short' });
const full = format({ dateStyle: 'full', timeStyle: 'short' });
const STYLES: Record<string, Intl.DateTimeFormat> = {
    t: clock,
    T: format({ timeStyle: 'medium' }),
    d: format({ dateStyle: 'short' }),
    D: day,
    f: format({ dateStyle: 'long', timeStyle: 'short' }),
    F: full,
};
const relative = new Intl.RelativeTimeFormat(undefined, { numeric: 'auto' });
const UNITS: [Intl.RelativeTimeFormatUnit, number][] = [
    ['year', 31_536_000],
    ['month', 2_592_000],
    ['day', 86_400],
    ['hour', 3600],
    ['minute', 60],
    ['second', 1],
];

export const clockTime = (ms: number): string => clock.format(ms);
export const fullTime = (ms: number): string => full.format(ms);
export const dayOf = (ms: number): string => day.format(ms);
export const stampTime = (ms: number, style: string): string => (STYLES[style] ?? STYLES.f!).format(ms);
export function relativeTime(ms: number): string {
    const seconds = (ms - Date.now()) / 1000;
    const [unit, size] = UNITS.find(([, s]) => Math.abs(seconds) >= s) ?? ['second', 1];
    return relative.format(Math.round(seconds / size), unit);
}
export function messageTime(ms: number): string {
    const days = Math.round((new Date().setHours(0, 0, 0, 0) - new Date(ms).setHours(0, 0, 0, 0)) / 86_400_000);
    if (days === 0) return clock.format(ms);
    return days === 1 ? `${text.common.yesterday}, ${clock.format(ms)}` : dayAndClock.format(ms);
}
