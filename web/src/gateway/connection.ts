// The live connection: identify, heartbeat, resume. It reconnects for ever, with growing pauses, until stop(); what came of it
// is told by onState. A connection that does not answer a heartbeat is cut and resumed.
import { canInflate, frameReader, type Frame, type FrameReader } from './frames';

export type GatewayState = 'connecting' | 'live' | 'waiting' | 'refused' | 'stopped';
export interface GatewayEvents {
    onEvent(name: string, data: unknown): void;
    onState(state: GatewayState, retryAtMs?: number): void;
}

const Op = { Dispatch: 0, Heartbeat: 1, Identify: 2, Presence: 3, Resume: 6, Reconnect: 7, Members: 8, Invalid: 9, Hello: 10, Ack: 11, Lists: 14 };
const FATAL = new Set([4004, 4010, 4011, 4012, 4013, 4014]);
const NEW_SESSION = new Set([4007, 4009]);
const CLOSE_TO_RESUME = 4900; // any code but 1000 and 1001 keeps the session
const PAUSE_FIRST_MS = 800;
const PAUSE_LONGEST_MS = 30_000;
const HELLO_TIMEOUT_MS = 15_000;

export class Gateway {
    private socket: WebSocket | null = null;
    private reader: FrameReader | null = null;
    private session: string | null = null;
    private seq: number | null = null;
    private beat: ReturnType<typeof setTimeout> | undefined;
    private retry: ReturnType<typeof setTimeout> | undefined;
    private answered = true;
    private failures = 0;
    private status: 'online' | 'idle' | 'dnd' | 'invisible' = 'online';
    private activities: object[] = [];
    private live = false; // between READY or RESUMED and the socket's end
    private shown = ''; // the status and activities that the session was told last
    private stopped = false;

    constructor(
        private readonly token: string,
        private readonly events: GatewayEvents,
    ) {}

    start(): void {
        window.addEventListener('online', this.retryNow);
        this.open();
    }

    stop(): void {
        this.stopped = true;
        window.removeEventListener('online', this.retryNow);
        clearTimeout(this.retry);
        this.drop(1000);
        this.events.onState('stopped');
    }

    retryNow = (): void => {
        if (this.socket || this.stopped) return;
        clearTimeout(this.retry);
        this.open();
    };

    // Cuts the connection as a lost network would: the session stays and is resumed.
    cut(): void {
        this.drop(CLOSE_TO_RESUME);
        this.wait();
    }

    setStatus(status: 'online' | 'idle' | 'dnd' | 'invisible', activities: object[]): void {
        this.status = status;
        this.activities = activities;
        this.show();
    }

    // Once: a gateway drops what comes more often than a few times in 20 s.
    private show(): void {
        const wanted = JSON.stringify([this.status, this.activities]);
        if (!this.live || wanted === this.shown) return;
        this.shown = wanted;
        this.send(Op.Presence, this.presence());
    }

    // Those of these users who are members.
    requestMembers(guild: string, user_ids: string[]): void {
        this.send(Op.Members, { guild_id: guild, user_ids, presences: true });
    }
    // Ranges of the list beside a channel.
    watchMembers(guild: string, channel: string, ranges: [number, number][]): void {
        this.send(Op.Lists, { guild_id: guild, typing: true, activities: true, channels: { [channel]: ranges } });
    }

    private presence() {
        return { status: this.status, since: this.status === 'idle' ? Date.now() : null, activities: this.activities, afk: this.status === 'idle' };
    }

    private open(): void {
        this.events.onState('connecting');
        const address = new URL('/', location.href);
        address.protocol = address.protocol === 'https:' ? 'wss:' : 'ws:';
        address.search = `?v=10&encoding=json${canInflate ? '&compress=zlib-stream' : ''}`;
        address.hash = '';
        const socket = (this.socket = new WebSocket(address));
        socket.binaryType = 'arraybuffer';
        const reader = (this.reader = frameReader(
            (frame) => this.socket === socket && this.take(frame),
            () => this.socket === socket && this.cut(),
        ));
        socket.onmessage = (e: MessageEvent<string | ArrayBuffer>) => reader.take(e.data);
        socket.onclose = (e) => this.socket === socket && this.closed(e.code);
        this.beat = setTimeout(() => this.cut(), HELLO_TIMEOUT_MS);
    }

    private drop(code: number): void {
        clearTimeout(this.beat);
        this.live = false;
        const socket = this.socket;
        this.socket = null;
        this.reader?.end();
        this.reader = null;
        socket?.close(code);
    }

    private closed(code: number): void {
        this.drop(1000);
        if (NEW_SESSION.has(code)) this.session = null;
        if (FATAL.has(code)) {
            this.stopped = true;
            this.events.onState('refused');
            return;
        }
        this.wait();
    }

    private wait(): void {
        if (this.stopped) return;
        const pause = Math.min(PAUSE_LONGEST_MS, PAUSE_FIRST_MS * 2 ** this.failures++) * (0.7 + 0.6 * Math.random());
        this.events.onState('waiting', Date.now() + pause);
        clearTimeout(this.retry);
        this.retry = setTimeout(() => this.open(), pause);
    }

    private send(op: number, d: unknown): void {
        if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify({ op, d }));
    }

    private greet(): void {
        if (this.session) this.send(Op.Resume, { token: this.token, session_id: this.session, seq: this.seq });
        else {
            const properties = { os: navigator.platform || 'unknown', browser: 'Hubbub Web', device: '' };
            this.shown = JSON.stringify([this.status, this.activities]);
            this.send(Op.Identify, { token: this.token, properties, large_threshold: 250, presence: this.presence() });
        }
    }

    private heartbeat(interval: number): void {
        if (!this.answered) {
            this.cut();
            return;
        }
        this.answered = false;
        this.send(Op.Heartbeat, this.seq);
        this.beat = setTimeout(() => this.heartbeat(interval), interval);
    }

    private take(frame: Frame): void {
        switch (frame.op) {
            case Op.Hello: {
                const interval = (frame.d as { heartbeat_interval: number }).heartbeat_interval;
                clearTimeout(this.beat);
                this.answered = true;
                this.beat = setTimeout(() => this.heartbeat(interval), interval * Math.random());
                this.greet();
                break;
            }
            case Op.Dispatch:
                this.seq = frame.s;
                this.dispatch(frame.t ?? '', frame.d);
                break;
            case Op.Ack:
                this.answered = true;
                break;
            case Op.Heartbeat:
                this.send(Op.Heartbeat, this.seq);
                break;
            case Op.Reconnect:
                this.failures = 0;
                this.cut();
                break;
            case Op.Invalid:
                if (!frame.d) this.session = this.seq = null;
                setTimeout(() => this.greet(), 500 + 1000 * Math.random());
                break;
        }
    }

    private dispatch(name: string, data: unknown): void {
        if (name === 'READY') this.session = (data as { session_id: string }).session_id;
        if (name === 'READY' || name === 'RESUMED') {
            this.failures = 0;
            this.live = true;
            this.show(); // what was chosen meanwhile
            this.events.onState('live');
        }
        this.events.onEvent(name, data);
    }
}
