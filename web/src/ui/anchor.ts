// Keeps one's place in a list whose rows come and go at both ends. The list either follows its end, or holds the row in
// the middle where it is. take() before a change, hold() after it.
const FOLLOW_PX = 40;
const CANDIDATES = 40; // should the first row itself go

export class Anchor {
    following = true;
    private places: { id: string; top: number }[] = [];
    private scrolledTo = 0; // when places were noted

    // mayFollow: whether the end of the list, as it is drawn, is the end of all.
    constructor(
        private readonly scroller: () => HTMLElement | null,
        private readonly mayFollow: () => boolean,
    ) {}

    take(): void {
        const box = this.scroller();
        if (!box) return;
        this.following = this.mayFollow() && box.scrollHeight - box.scrollTop - box.clientHeight < FOLLOW_PX;
        this.note(box);
    }

    private note(box: HTMLElement): void {
        const edge = box.getBoundingClientRect().top;
        const middle = edge + box.clientHeight / 2; // a row at the window's edge may lose its header when another comes before it
        this.places = [];
        this.scrolledTo = box.scrollTop;
        for (const row of box.querySelectorAll<HTMLElement>('[data-id]')) {
            const rect = row.getBoundingClientRect();
            if (rect.bottom <= middle) continue;
            this.places.push({ id: row.dataset.id!, top: rect.top - edge });
            if (this.places.length === CANDIDATES) break;
        }
    }

    // Sizes changed without a change of rows: hold, but for what was scrolled since and not told of yet.
    settle(): void {
        const by = (this.scroller()?.scrollTop ?? 0) - this.scrolledTo;
        for (const place of this.places) place.top -= by;
        if (by < 0) this.following = false;
        this.hold();
    }

    hold(): void {
        const box = this.scroller();
        if (!box) return;
        if (this.following) {
            box.scrollTop = box.scrollHeight;
            return;
        }
        const edge = box.getBoundingClientRect().top;
        for (const { id, top } of this.places) {
            const row = box.querySelector(`[data-id="${id}"]`);
            if (!row) continue;
            const by = row.getBoundingClientRect().top - edge - top;
            if (Math.abs(by) >= 0.5) box.scrollTop += by;
            return;
        }
    }

    show(row: Element, align: 'center' | 'start'): void {
        const box = this.scroller();
        if (!box) return;
        const offset = row.getBoundingClientRect().top - box.getBoundingClientRect().top;
        const room = align === 'center' ? (box.clientHeight - row.getBoundingClientRect().height) / 2 : 40;
        box.scrollTop += offset - room;
        this.take();
    }
}
