// What stays in this browser. A browser that refuses storage forgets; nothing fails.
const PREFIX = 'hubbub:';

export function load<T>(key: string, fallback: T): T {
    try {
        const text = localStorage.getItem(PREFIX + key);
        return text === null ? fallback : (JSON.parse(text) as T);
    } catch {
        return fallback;
    }
}

export function save(key: string, value: unknown): void {
    try {
        if (value === null || value === undefined) localStorage.removeItem(PREFIX + key);
        else localStorage.setItem(PREFIX + key, JSON.stringify(value));
    } catch {
        // full or forbidden
    }
}
