import { canNotify, notifying, setNotifying } from '../../store/notify';
import { compact, setCompact, setStill, setTheme, still, theme, type Theme } from '../../store/view';
import { text } from '../../text';

export function LookSection() {
    return (
        <>
            <fieldset class="themes">
                <legend>{text.settings.theme}</legend>
                {Object.entries(text.settings.themes).map(([key, label]) => (
                    <label key={key} class={`theme theme-${key}`}><span class="theme-face" aria-hidden="true"><i /><i /><i /></span><span><input type="radio" name="theme" checked={theme.value === key} onChange={() => setTheme(key as Theme)} /> {label}</span></label>
                ))}
            </fieldset>
            <label class="permission"><span><strong>{text.settings.compact}</strong><small>{text.settings.compactHint}</small></span><input type="checkbox" class="switch" role="switch" checked={compact.value} onChange={(e) => setCompact(e.currentTarget.checked)} /></label>
            <label class="permission"><span><strong>{text.settings.still}</strong><small>{text.settings.stillHint}</small></span><input type="checkbox" class="switch" role="switch" checked={still.value} onChange={(e) => setStill(e.currentTarget.checked)} /></label>
        </>
    );
}

export function NotifySection() {
    return (
        <>
            <p class="hint">{text.settings.notifyHint}</p>
            {canNotify ? <label class="permission"><span><strong>{text.settings.notify}</strong></span><input type="checkbox" class="switch" role="switch" checked={notifying.value} onChange={(e) => void setNotifying(e.currentTarget.checked)} /></label> : <p class="hint">{text.settings.cannotNotify}</p>}
        </>
    );
}
