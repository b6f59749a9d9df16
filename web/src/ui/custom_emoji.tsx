// A custom emoji as a picture of a size that CSS knows, so nothing moves when it comes. Who wants less motion sees a still one.
import { still } from '../store/view';
import { emojiUrl } from './images';

const calm = matchMedia('(prefers-reduced-motion: reduce)');

export function CustomEmoji({ id, name, animated, lazy }: { id: string; name: string; animated?: boolean; lazy?: boolean }) {
    const moves = !!animated && !still.value && !calm.matches;
    return <img class="custom-emoji" src={emojiUrl(id, moves)} alt={`:${name}:`} title={`:${name}:`} draggable={false} loading={lazy ? 'lazy' : undefined} />;
}
