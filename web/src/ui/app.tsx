import { useEffect, useRef } from 'preact/hooks';
import { token } from '../store/me';
import { announcement, mailLink, notice } from '../store/view';
import { Auth } from './auth/auth';
import { MailPage } from './auth/mail_page';
import { Dialogs } from './dialogs/dialogs';
import { Lightbox } from './lightbox';
import { Popover } from './popover';
import { Shell } from './shell';

// Above all, dialogs too.
function Notice() {
    const box = useRef<HTMLDivElement>(null);
    const words = notice.value;
    useEffect(() => {
        box.current?.hidePopover?.();
        if (words) box.current?.showPopover?.();
    }, [words]);
    return <div ref={box} class="notice-place" role="status" popover="manual">{words && <div class="notice">{words}</div>}</div>;
}

export function App() {
    return (
        <>
            {mailLink.value ? <MailPage link={mailLink.value} /> : token.value ? <Shell /> : <Auth />}
            {!mailLink.value && <Dialogs />}
            <Popover />
            <Lightbox />
            <div class="visually-hidden" role="log" aria-live="polite">
                {announcement.value}
            </div>
            <Notice />
        </>
    );
}
