// Who is signed in.
import { signal } from '@preact/signals';
import type { User } from '../api/types';
import { load } from './storage';

export const token = signal<string | null>(load<string | null>('token', null));
export const me = signal<User | null>(null);
