// A text box as high as its text; CSS bounds it.
export function fit(box: HTMLTextAreaElement): void {
    box.style.height = 'auto';
    box.style.height = `${box.scrollHeight}px`;
}
