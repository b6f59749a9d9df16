// A picture to be shown in a small square: chosen, cut to its middle, made as small as it needs to be.
import { useRef } from 'preact/hooks';
import { tell } from '../store/view';
import { reason, text } from '../text';

const SIDE_PX = 512;
const ANIMATION_BYTES_MAX = 7_000_000; // as it is: a canvas would keep its first picture only

const asDataUri = (file: Blob): Promise<string> =>
    new Promise((done, fail) => {
        const reader = new FileReader();
        reader.onload = () => done(String(reader.result));
        reader.onerror = () => fail(reader.error);
        reader.readAsDataURL(file);
    });

// cut: to the middle square; else all of it is kept.
export async function shrink(file: File, sidePx = SIDE_PX, cut = true): Promise<string> {
    if (file.type === 'image/gif' && file.size <= ANIMATION_BYTES_MAX) return asDataUri(file);
    const picture = await createImageBitmap(file);
    const { width, height } = picture;
    const side = Math.min(width, height);
    const [w, h] = cut ? [side, side] : [width, height];
    const scale = Math.min(1, sidePx / Math.max(w, h));
    const canvas = document.createElement('canvas');
    canvas.width = Math.max(1, Math.round(w * scale));
    canvas.height = Math.max(1, Math.round(h * scale));
    canvas.getContext('2d')!.drawImage(picture, (width - w) / 2, (height - h) / 2, w, h, 0, 0, canvas.width, canvas.height);
    picture.close();
    return canvas.toDataURL('image/png');
}

export function PickImage({ has, label, onPick }: { has: boolean; label: string; onPick: (image: string | null) => Promise<unknown> }) {
    const input = useRef<HTMLInputElement>(null);
    const put = (image: Promise<string | null>): void => void image.then(onPick).then(() => tell(text.settings.saved), (e: unknown) => tell(e instanceof DOMException ? text.images.unreadable : reason(e)));
    return (
        <span class="pick-image">
            <input ref={input} type="file" accept="image/png,image/jpeg,image/webp,image/gif" hidden aria-label={label} onChange={(e) => {
                const file = e.currentTarget.files?.[0];
                e.currentTarget.value = '';
                if (file) put(shrink(file));
            }} />
            <button type="button" onClick={() => input.current?.click()}>{label}</button>
            {has && <button type="button" class="danger" onClick={() => put(Promise.resolve(null))}>{text.images.remove}</button>}
        </span>
    );
}
