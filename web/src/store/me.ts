// Who is signed in.
import { signal } from '@preact/signals';
import type { User } from '../api/types';
import { load } from './storage';

export const token = signal<string | null>(load<string | null>('token', null));
export const sessionHash = signal<string | null>(null); // of my token, as the list of sessions names it
export const me = signal<User | null>(null);
