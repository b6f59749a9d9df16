// Friends, requests and blocks.
import { computed, signal } from '@preact/signals';
import type { Relationship } from '../api/types';
import { RelationshipType } from '../api/types';
import { putIn, seeUser } from './guilds';

export const relationships = signal<ReadonlyMap<string, Relationship>>(new Map());

export function putRelationships(list: Relationship[]): void {
    for (const r of list) seeUser(r.user);
    relationships.value = new Map(list.map((r) => [r.id, r]));
}
export function putRelationship(r: Relationship): void {
    seeUser(r.user);
    putIn(relationships, r.id, { ...relationships.value.get(r.id), ...r });
}
export const typeOf = (user: string): number => relationships.value.get(user)?.type ?? 0;
export const isBlocked = (user: string): boolean => typeOf(user) === RelationshipType.Blocked;
export const ofType = (type: number): Relationship[] => [...relationships.value.values()].filter((r) => r.type === type);
export const requests = computed(() => ofType(RelationshipType.Incoming).length);
