// Frames out of a socket. With zlib-stream all frames are one deflate stream; where one JSON text ends and the next begins is
// found by counting braces, so it does not matter how the browser cuts what it inflates.
export interface Frame {
    op: number;
    d: unknown;
    s: number | null;
    t: string | null;
}

// Returns a function that takes pieces of text and calls back with each whole top-level object in them.
export function splitter(onText: (text: string) => void): (piece: string) => void {
    let kept = '';
    let depth = 0;
    let inString = false;
    let escaped = false;
    return (piece) => {
        let start = 0;
        for (let i = 0; i < piece.length; i++) {
            const c = piece.charCodeAt(i);
            if (escaped) escaped = false;
            else if (inString) {
                if (c === 92) escaped = true;
                else if (c === 34) inString = false;
            } else if (c === 34) inString = true;
            else if (c === 123) depth++;
            else if (c === 125 && --depth === 0) {
                onText(kept + piece.slice(start, i + 1));
                kept = '';
                start = i + 1;
            }
        }
        kept += piece.slice(start);
    };
}

export interface FrameReader {
    take(data: string | ArrayBuffer): void;
    end(): void;
}

export const canInflate = typeof DecompressionStream === 'function';

export function frameReader(onFrame: (frame: Frame) => void, onBroken: () => void): FrameReader {
    const take = splitter((text) => onFrame(JSON.parse(text) as Frame));
    if (!canInflate) return { take: (data) => take(data as string), end: () => {} };

    const inflate = new DecompressionStream('deflate');
    const writer = inflate.writable.getWriter();
    let ended = false;
    const broken = (): void => {
        if (!ended) onBroken();
    };
    void (async () => {
        const reader = inflate.readable.getReader();
        const decoder = new TextDecoder();
        try {
            for (;;) {
                const { done, value } = await reader.read();
                if (done) return;
                if (!ended) take(decoder.decode(value, { stream: true }));
            }
        } catch {
            broken();
        }
    })();
    return {
        take(data) {
            if (typeof data === 'string') take(data); // a server without compression
            else writer.write(new Uint8Array(data)).catch(broken);
        },
        end() {
            ended = true;
            writer.abort().catch(() => {});
        },
    };
}
