// Rows that are put in another order with the pointer. Lists that use it have commands that do the same by keys.
import { signal } from '@preact/signals';

interface Held {
    kind: string; // only rows of one kind take each other's places
    id: string;
    list: string;
    index: number;
}
const held = signal<Held | null>(null);
const over = signal<{ id: string; below: boolean } | null>(null);

const end = (): void => {
    held.value = over.value = null;
};
const isBelow = (e: DragEvent): boolean => {
    const box = (e.currentTarget as Element).getBoundingClientRect();
    return e.clientY > box.top + box.height / 2;
};
function takes(kind: string, e: DragEvent): boolean {
    if (held.value?.kind !== kind) return false;
    e.preventDefault();
    e.stopPropagation();
    return true;
}

// drop: the row `id` is to stand at that index of the list without it.
export function sortable(row: Held, drop: (id: string, at: number) => void) {
    const { kind, id } = row;
    return {
        draggable: true,
        'data-held': held.value?.id === id,
        'data-drop': held.value?.kind === kind && over.value?.id === id ? (over.value.below ? 'below' : 'above') : undefined,
        onDragStart(e: DragEvent) {
            e.stopPropagation();
            e.dataTransfer!.effectAllowed = 'move';
            e.dataTransfer!.setData('text/x-hubbub', id);
            held.value = row;
        },
        onDragOver(e: DragEvent) {
            if (takes(kind, e)) over.value = { id, below: isBelow(e) };
        },
        onDragEnd: end,
        onDrop(e: DragEvent) {
            if (!takes(kind, e)) return;
            const from = held.value!;
            const to = row.index + (isBelow(e) ? 1 : 0);
            const at = to - (from.list === row.list && from.index < to ? 1 : 0);
            end();
            if (from.list !== row.list || at !== from.index) drop(from.id, at);
        },
    };
}

// A place that takes rows of one kind: at its end.
export function dropPlace(kind: string, key: string, drop: (id: string) => void) {
    return {
        'data-drop': held.value?.kind === kind && over.value?.id === key ? 'below' : undefined,
        onDragOver(e: DragEvent) {
            if (takes(kind, e)) over.value = { id: key, below: true };
        },
        onDrop(e: DragEvent) {
            if (!takes(kind, e)) return;
            const { id } = held.value!;
            end();
            drop(id);
        },
    };
}
