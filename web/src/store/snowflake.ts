// Ids carry their time: 42 bits of ms since 2015, then 22 bits that tell apart.
const EPOCH_MS = 1_420_070_400_000;

export const timeOf = (id: string): number => Number(BigInt(id) >> 22n) + EPOCH_MS;
export const idAt = (ms: number): string => String(BigInt(Math.max(0, Math.floor(ms - EPOCH_MS))) << 22n);
// As ids compare: they are decimal numbers without leading zeros.
export const isNewer = (a: string, b: string): boolean => (a.length === b.length ? a > b : a.length > b.length);
export const byId = (a: { id: string }, b: { id: string }): number => (a.id === b.id ? 0 : isNewer(a.id, b.id) ? 1 : -1);

let serial = Math.floor(Math.random() * 4000);
export const newNonce = (): string => String((BigInt(Date.now() - EPOCH_MS) << 22n) + BigInt(++serial % 4_194_304));
