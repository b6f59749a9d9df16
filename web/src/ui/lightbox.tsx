import { useEffect, useRef } from 'preact/hooks';
import { lightbox } from '../store/view';
import { text } from '../text';
import { Icon, IconButton } from './icons';

export function Lightbox() {
    const element = useRef<HTMLDialogElement>(null);
    const shown = lightbox.value;
    useEffect(() => {
        if (shown && !element.current?.open) element.current?.showModal();
    }, [shown]);
    if (!shown) return null;
    const close = (): void => { lightbox.value = null; };
    return (
        <dialog ref={element} class="lightbox" aria-label={shown.name} onClose={close} onClick={(e) => e.target === e.currentTarget && close()}>
            <img src={shown.url} alt={shown.name} />
            <div class="lightbox-bar">
                <span>{shown.name}</span>
                <a class="icon-button" href={shown.url} download={shown.name} aria-label={text.common.download} title={text.common.download}><Icon name="download" /></a>
                <IconButton icon="close" label={text.common.close} onClick={close} />
            </div>
        </dialog>
    );
}
