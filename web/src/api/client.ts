// One REST call: JSON in, JSON out, refusals as ApiError. Waits out short rate limits by itself.
const BASE = '/api/v10';
const WAIT_SECONDS_MAX = 15;
const TRIES_MAX = 4;

export interface ErrorBody {
    code?: number;
    message?: string;
    retry_after?: number;
    errors?: Record<string, unknown>;
}

export class ApiError extends Error {
    constructor(
        readonly status: number,
        readonly body: ErrorBody,
    ) {
        super(firstReason(body.errors) ?? body.message ?? `HTTP ${status}`);
    }
    get code(): number {
        return this.body.code ?? 0;
    }
    // What is wrong with one field of the form, or undefined.
    field(name: string): string | undefined {
        return firstReason(this.body.errors?.[name]);
    }
}

// The first message in a tree of errors.
function firstReason(tree: unknown): string | undefined {
    if (!tree || typeof tree !== 'object') return undefined;
    const leaf = (tree as { _errors?: { message: string }[] })._errors;
    if (Array.isArray(leaf)) return leaf[0]?.message;
    for (const value of Object.values(tree)) {
        const found = firstReason(value);
        if (found) return found;
    }
    return undefined;
}

let token: string | null = null;
let onRefused: () => void = () => {};

export const setToken = (value: string | null): void => {
    token = value;
};
// Called when the server no longer knows the token.
export const whenRefused = (handler: () => void): void => {
    onRefused = handler;
};
export const url = (path: string): string => BASE + path;
export const authorization = (): Record<string, string> => (token ? { Authorization: token } : {});

const pause = (seconds: number): Promise<void> => new Promise((done) => setTimeout(done, seconds * 1000));

export async function readAnswer(status: number, text: string): Promise<unknown> {
    const body: unknown = text ? JSON.parse(text) : undefined;
    if (status >= 200 && status < 300) return body;
    if (status === 401 && token) onRefused();
    throw new ApiError(status, (body ?? {}) as ErrorBody);
}

// why: the reason that the audit log keeps.
export async function call<T>(verb: string, path: string, body?: unknown, why?: string, options?: RequestInit): Promise<T> {
    for (let tries = 1; ; tries++) {
        const response = await fetch(url(path), {
            ...options,
            method: verb,
            headers: { ...authorization(), ...(body === undefined ? {} : { 'Content-Type': 'application/json' }), ...(why ? { 'X-Audit-Log-Reason': encodeURIComponent(why) } : {}) },
            body: body === undefined ? undefined : JSON.stringify(body),
        });
        const text = await response.text();
        if (response.status === 429 && tries < TRIES_MAX) {
            const seconds = (JSON.parse(text) as ErrorBody).retry_after ?? 1;
            if (seconds <= WAIT_SECONDS_MAX) {
                await pause(seconds);
                continue;
            }
        }
        return (await readAnswer(response.status, text)) as T;
    }
}
