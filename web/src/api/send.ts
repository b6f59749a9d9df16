// A message on its way, files included. XMLHttpRequest, because fetch tells nothing of an upload's progress.
import { authorization, readAnswer, url } from './client';
import type { Message } from './types';

export interface Draft {
    content: string;
    nonce: string;
    files: File[];
    replyTo?: string;
    pingReplied?: boolean;
}
export interface Sending {
    answer: Promise<Message>;
    cancel(): void;
}

function bodyOf(draft: Draft): FormData | string {
    const payload = JSON.stringify({
        content: draft.content,
        nonce: draft.nonce,
        enforce_nonce: true, // a retry of what did arrive gives that message
        ...(draft.replyTo && { message_reference: { message_id: draft.replyTo, fail_if_not_exists: false } }),
        ...(draft.replyTo && { allowed_mentions: { parse: ['users', 'roles', 'everyone'], replied_user: draft.pingReplied ?? true } }),
        ...(draft.files.length && { attachments: draft.files.map((file, id) => ({ id, filename: file.name })) }),
    });
    if (!draft.files.length) return payload;
    const form = new FormData();
    form.append('payload_json', payload);
    draft.files.forEach((file, n) => form.append(`files[${n}]`, file, file.name));
    return form;
}

export function send(channel: string, draft: Draft, onProgress: (share: number) => void): Sending {
    const request = new XMLHttpRequest();
    const body = bodyOf(draft);
    const answer = new Promise<Message>((done, fail) => {
        request.open('POST', url(`/channels/${channel}/messages`));
        for (const [name, value] of Object.entries(authorization())) request.setRequestHeader(name, value);
        if (typeof body === 'string') request.setRequestHeader('Content-Type', 'application/json');
        request.upload.onprogress = (e) => onProgress(e.total ? e.loaded / e.total : 0);
        request.onload = () => readAnswer(request.status, request.responseText).then((m) => done(m as Message), fail);
        request.onerror = request.ontimeout = () => fail(new TypeError('network'));
        request.onabort = () => fail(new DOMException('cancelled', 'AbortError'));
        request.timeout = draft.files.length ? 0 : 15_000;
        request.send(body);
    });
    return { answer, cancel: () => request.abort() };
}
