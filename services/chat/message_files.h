/* message_files.h - the files of a message: those that came with the request, and those that an edit keeps. */
#pragma once
#include "hubbub/v1/messages.pb-c.h"
#include "services/chat/change.h"

enum { MESSAGE_FILES_MAX = 10 };
/* What a request says of files: the same fields of CreateMessageRequest and EditMessageRequest. */
struct files_input {
    Hubbub__V1__Attachment *const *uploaded;
    size_t n_uploaded;
    const uint32_t *index; /* n of files[n] of each */
    size_t n_index;
    Hubbub__V1__AttachmentInput *const *inputs;
    size_t n_inputs;
};
#define FILES_INPUT(req)                                                                                               \
    ((struct files_input){(req)->uploaded, (req)->n_uploaded, (req)->uploaded_index, (req)->n_uploaded_index,          \
                          (req)->attachments, (req)->n_attachments})

/* Of the message's files, keeps those that inputs name, with the descriptions and titles given there. */
void files_keep(struct arena *, const struct files_input *, Hubbub__V1__Message *);
/* Puts what was uploaded behind the files that the message has, under ids of its own.
 * ST_MAX_ATTACHMENTS; ST_UPLOAD_MISSING when an input names neither a file of the message nor an uploaded one. */
status files_add(struct call *, struct db *, const struct files_input *, Hubbub__V1__Message *) MUST_CHECK;
/* Makes the rows of attachments those of the message, in a change. */
status files_save(struct change *, struct arena *, const Hubbub__V1__Message *) MUST_CHECK;
