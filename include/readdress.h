/* readdress: rewrites the addresses of messages and envelopes at the mail edge.
 *
 * Made by cbindgen from ffi/src: do not edit.
 * Licensed under MIT or Apache-2.0, as you like.
 *
 * A PROGRAM IN SHORT
 *
 *     readdress_engine *engine;
 *     readdress_error err;
 *     readdress_session session = { .direction = READDRESS_OUTBOUND };
 *     readdress_result *result = readdress_result_new();
 *
 *     if (readdress_engine_open("contoso.map", 0, &engine, &err) != READDRESS_OK)
 *         ... err.message says why; do not start without a map ...
 *     if (readdress_rewrite(engine, &session, message, len, result, &err) != READDRESS_OK)
 *         ... answer "451 try again later": what was not rewritten must not get out ...
 *     else if (readdress_result_verdict(result) == READDRESS_VERDICT_TEMPFAIL) ... likewise ...
 *     else if (readdress_result_verdict(result) == READDRESS_VERDICT_REJECT) ... answer 550 ...
 *     else {
 *         size_t count;
 *         const readdress_slice *slices = readdress_result_slices(result, &count);
 *         ... writev(fd, (const struct iovec *)slices, (int)count), in parts of IOV_MAX ...
 *     }
 *     readdress_result_free(result);
 *     readdress_engine_free(engine);
 *
 * Build with   cc program.c $(pkg-config --cflags --libs readdress)
 * or           cc program.c -lreaddress
 * Map files come from "readdress compile plan.toml -o contoso.map" or readdress_builder_save().
 *
 * WHAT HOLDS EVERYWHERE
 *
 * Handles. Two kinds. Engines and lives are shared: immutable or internally synchronised, any
 * number of threads may use one at once. Results, decisions and builders are working memory: one
 * thread at a time. What *_new, *_open, *_load, *_retain and *_acquire give is the caller's, who frees it exactly
 * once with the *_free of its type; *_free(NULL) does nothing.
 *
 * Status. Calls that can fail return a readdress_status, READDRESS_OK or a reason. Their last
 * argument takes the details, and may be NULL. There is no partial success: outputs count only on
 * success; handles that would be given out are NULL after a failure.
 *
 * Pointers. Octets are a place and a length, and may hold NULs; NULL is allowed with length 0.
 * NUL-terminated are paths of the operating system and field names only. A NULL where there must be
 * something gives READDRESS_E_ARGUMENT. What is handed out as const is borrowed, never freed by the
 * caller; the call says for how long.
 *
 * Threads and processes. Nothing here starts threads, installs signal handlers, calls back, keeps
 * global or thread-local state that a host could see, or holds a lock across calls. After fork()
 * parent and child may both go on with every handle that was not in use by another thread.
 *
 * Faults. A fault of the library is caught at its boundary and gives READDRESS_E_PANIC, or NULL, 0
 * or false where a call returns no status. The result or decision it happened with is empty then; send
 * the message's own octets only if internal addresses may get out. A line goes to the standard error
 * stream. Lack of memory for a map, a result or a decision is READDRESS_E_NOMEM; any other ends the
 * process.
 *
 * Structs are the caller's memory and will not change within an ABI version.
 */


#ifndef READDRESS_H
#define READDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define READDRESS_MUST_USE __attribute__((warn_unused_result))
#else
#define READDRESS_MUST_USE
#endif


/**
 * The entry holds for outbound mail only: many internal addresses may have one external one then,
 * and replies don't find their way back by it.
 */
#define READDRESS_ENTRY_OUTBOUND_ONLY 1

/**
 * Map the file into memory instead of reading it: many processes share it, and opening costs no
 * copy. Only for a file that nobody ever writes to or truncates, on a file system that never
 * goes away: a process that looks at octets that are gone is killed by SIGBUS. Replace such files
 * by renaming ("readdress compile" does), never by copying over them.
 */
#define READDRESS_OPEN_MMAP 1

/**
 * Octets of readdress_error.message, the NUL behind it included.
 */
#define READDRESS_MESSAGE_MAX 256

/**
 * Accept a map with fewer than half the entries of the one in use. Without it such a map is more
 * likely a mistake on the way than what was meant, and is refused.
 */
#define READDRESS_RELOAD_FORCE 1

/**
 * A line feed without a carriage return before it ends a line.
 */
#define READDRESS_FLAG_BARE_LF (1 << 0)

/**
 * A carriage return without a line feed behind it stands somewhere.
 */
#define READDRESS_FLAG_BARE_CR (1 << 1)

/**
 * Some lines end in CRLF and some in a bare line feed.
 */
#define READDRESS_FLAG_MIXED_LINE_ENDINGS (1 << 2)

/**
 * A NUL octet stands somewhere.
 */
#define READDRESS_FLAG_NUL (1 << 3)

/**
 * Octets of 128 and above, all of them valid UTF-8.
 */
#define READDRESS_FLAG_UTF8 (1 << 4)

/**
 * Octets of 128 and above that are not UTF-8.
 */
#define READDRESS_FLAG_EIGHT_BIT (1 << 5)

/**
 * The first line is a "From " line of an mbox file.
 */
#define READDRESS_FLAG_MBOX_FROM_LINE (1 << 6)

/**
 * A line that is no field ends the header section; it and all behind it are left alone.
 */
#define READDRESS_FLAG_NOT_A_FIELD (1 << 7)

/**
 * The input ends before the empty line.
 */
#define READDRESS_FLAG_NO_EMPTY_LINE (1 << 8)

/**
 * White space stands between a field's name and its colon.
 */
#define READDRESS_FLAG_SPACE_BEFORE_COLON (1 << 9)

/**
 * A line is longer than 998 octets.
 */
#define READDRESS_FLAG_LONG_LINE (1 << 10)

/**
 * More than one From field.
 */
#define READDRESS_FLAG_DUPLICATE_FROM (1 << 11)

/**
 * More than one Sender field.
 */
#define READDRESS_FLAG_DUPLICATE_SENDER (1 << 12)

/**
 * More than one Reply-To field.
 */
#define READDRESS_FLAG_DUPLICATE_REPLY_TO (1 << 13)

/**
 * More than one To field.
 */
#define READDRESS_FLAG_DUPLICATE_TO (1 << 14)

/**
 * More than one Cc field.
 */
#define READDRESS_FLAG_DUPLICATE_CC (1 << 15)

/**
 * More than one Bcc field.
 */
#define READDRESS_FLAG_DUPLICATE_BCC (1 << 16)

/**
 * No From field at all.
 */
#define READDRESS_FLAG_NO_FROM (1 << 17)

/**
 * The most octets of an envelope path, angle brackets included (RFC 5321 4.5.3.1.3). A buffer of
 * this size always suffices.
 */
#define READDRESS_PATH_MAX 256

/**
 * readdress_result_verdict(): send it.
 */
#define READDRESS_VERDICT_PASS 0

/**
 * readdress_result_verdict(): the plan wants mail with unmapped addresses deferred (4xx).
 */
#define READDRESS_VERDICT_TEMPFAIL 1

/**
 * readdress_result_verdict(): the plan wants mail with unmapped addresses refused (5xx).
 */
#define READDRESS_VERDICT_REJECT 2

/**
 * readdress_envelope.flags: further recipients may follow, as at RCPT TO. What rules ask about any recipient
 * may come to hold then.
 */
#define READDRESS_ENVELOPE_OPEN 1

/**
 * The message comes from one of our systems over a session we trust: internal addresses become
 * external.
 */
#define READDRESS_OUTBOUND 1

/**
 * The message comes from anywhere else: external addresses become internal.
 */
#define READDRESS_INBOUND 2

/**
 * readdress_session.flags: the client uses SMTPUTF8 (RFC 6531).
 */
#define READDRESS_SESSION_SMTPUTF8 1

/**
 * readdress_session.flags: the session is encrypted.
 */
#define READDRESS_SESSION_TLS 2

/**
 * readdress_session.flags: the client has authenticated itself.
 */
#define READDRESS_SESSION_AUTHENTICATED 4

/**
 * readdress_session.flags: for logs. In shadow mode readdress_rewrite_path() writes the path that would be
 * used; that nothing is to be changed is said by info as ever. Other calls don't look at it.
 */
#define READDRESS_SESSION_TRIAL 8

/**
 * The version of this header: major, minor, patch.
 */
#define READDRESS_VERSION_MAJOR 0

/**
 * See READDRESS_VERSION_MAJOR.
 */
#define READDRESS_VERSION_MINOR 1

/**
 * See READDRESS_VERSION_MAJOR.
 */
#define READDRESS_VERSION_PATCH 0

/**
 * major * 1000000 + minor * 1000 + patch, for comparisons.
 */
#define READDRESS_VERSION_NUMBER 1000

/**
 * The number in the library's soname. A library with another one has another ABI.
 */
#define READDRESS_ABI_VERSION 0

/**
 * Entries on their way into a map file. One thread at a time may use it.
 */
typedef struct readdress_builder readdress_builder;

/**
 * The decision about all recipients of one message, and memory that is used again for the next. One
 * thread at a time may use it. What it hands out points into the decision itself: it lives until the
 * decision is used for another message or freed, whatever becomes of engine, session and envelope.
 */
typedef struct readdress_decision readdress_decision;

/**
 * A map in use. Immutable: any number of threads may use one at once, and it stays valid over
 * fork().
 */
typedef struct readdress_engine readdress_engine;

/**
 * A map file and the engine made of its latest valid version. Internally synchronised without
 * locks: any number of threads may use one at once, and fork() at any moment.
 */
typedef struct readdress_live readdress_live;

/**
 * The outcome of one message, and memory that is used again for the next. One thread at a time
 * may use it. What it hands out points into the message, the map and the result itself: it lives
 * until the result is used for another message or freed, and the message must stay unchanged in
 * its place as long.
 */
typedef struct readdress_result readdress_result;

/**
 * How a domain stands to another, for DMARC to that of From (RFC 7489 3.1): READDRESS_ALIGNMENT_*. The
 * greater the closer.
 */
typedef uint32_t readdress_alignment;

/**
 * What a fallible call returns: READDRESS_OK or one of READDRESS_E_*. A caller has to expect
 * numbers that are added later; any that is not 0 is a failure.
 */
typedef uint32_t readdress_status;

/**
 * What went wrong. The caller's memory; written by calls that fail, left as it is by calls that
 * succeed, never kept.
 */
typedef struct {
  /**
   * What the call returned.
   */
  readdress_status status;
  /**
   * The octet of the input that it is about; 0 where there is none.
   */
  size_t offset;
  /**
   * One line of UTF-8 text for a person. NUL-terminated, cut between characters if it is too
   * long. It may have a file name in it, but no address.
   */
  char message[READDRESS_MESSAGE_MAX];
} readdress_error;

/**
 * A text that is both: NUL-terminated, and of a length, for texts that hosts or plans have put a NUL
 * into. One that is absent is empty; text is never NULL.
 */
typedef struct {
  /**
   * The text. Behind its last octet stands a NUL.
   */
  const char *text;
  /**
   * Octets of text, without the NUL behind it.
   */
  size_t len;
} readdress_text;

/**
 * What becomes of a recipient's copy of a message: READDRESS_DELIVER, _RELAY, _REJECT or _DROP.
 */
typedef uint32_t readdress_action;

/**
 * How the session to the next hop is encrypted: READDRESS_TLS_*. 0 for a copy that does not leave.
 */
typedef uint32_t readdress_tls;

/**
 * A field that a copy gets, in place of all fields of that name.
 */
typedef struct {
  /**
   * The field's name, without the colon.
   */
  readdress_text name;
  /**
   * What stands behind the colon and a space. One line.
   */
  readdress_text value;
} readdress_header;

/**
 * A step that led to a decision, for people.
 */
typedef struct {
  /**
   * What was looked at: "session", "listener", "message", "recipient", "entry", "accepted-domain",
   * "wave", "rule", "routing-address", "connector", "dns". Others may be added.
   */
  readdress_text what;
  /**
   * Its name; may be empty. It may be an address.
   */
  readdress_text name;
  /**
   * Why it counted, or did not. The wording may change.
   */
  readdress_text why;
} readdress_step;

/**
 * What was decided about one recipient.
 */
typedef struct {
  /**
   * The forward-path as it was given, without angle brackets.
   */
  readdress_text recipient;
  /**
   * What becomes of the copy.
   */
  readdress_action action;
  /**
   * Of a copy that leaves, how the session is encrypted; 0 of any other.
   */
  readdress_tls tls;
  /**
   * The forward-path to use, without angle brackets; the given one, where nothing changes it. Where
   * it differs, the given one belongs into ORCPT (RFC 3461 4.2).
   */
  readdress_text forward_path;
  /**
   * The forward-path to hand to a host that chooses the next hop by the recipient alone, as Postfix
   * does, if the decision is readdress_decision_for_host(): forward_path where that leads the same way,
   * else a routing address, "user=domain@connector.route.invalid", which "readdress serve" knows. Else
   * forward_path.
   */
  readdress_text host_path;
  /**
   * The name of the connector that the copy leaves by; empty without one.
   */
  readdress_text connector;
  /**
   * The name that the next hop's certificate has to have; empty if any will do. "*." before it
   * stands for one label.
   */
  readdress_text tls_name;
  /**
   * The hosts it leaves for, to be tried in this order, as the plan has them: "host", "host:port",
   * "[192.0.2.1]:25". None, if it does not leave, or leaves for where the DNS says: the mail
   * exchangers of forward_path's domain.
   */
  const readdress_text *next_hops;
  /**
   * How many.
   */
  size_t next_hop_count;
  /**
   * Where the recipient is refused or deferred, the reply code, 400 to 599; else 0.
   */
  uint32_t code;
  /**
   * Whether the copy's addresses are rewritten. Not, where a rule says so: such a copy goes out
   * without readdress_rewrite().
   */
  bool rewritten;
  /**
   * Whether neither the header section nor recipients who may follow can lead the copy elsewhere: a
   * refusal may be given at RCPT TO then. Fields to set and remove may still come.
   */
  bool settled;
  /**
   * The enhanced status code of the reply (RFC 3463): "5.1.10". Empty without a reply.
   */
  readdress_text enhanced;
  /**
   * The text of the reply. Empty without a reply.
   */
  readdress_text text;
  /**
   * The fields that the copy gets.
   */
  const readdress_header *set_headers;
  /**
   * How many.
   */
  size_t set_header_count;
  /**
   * The names of fields that it loses, all of that name, in any case.
   */
  const readdress_text *removed_headers;
  /**
   * How many.
   */
  size_t removed_header_count;
  /**
   * The name of the entry that gave the internal address; may be empty.
   */
  readdress_text entry;
  /**
   * The file the entry came from, as the plan names it; may be empty.
   */
  readdress_text file;
  /**
   * The line of the entry in its file; 0 if unknown, or without an entry.
   */
  uint32_t line;
  /**
   * What led here, in order, if that was asked for: readdress_decision_explain().
   */
  const readdress_step *steps;
  /**
   * How many.
   */
  size_t step_count;
} readdress_route_info;

/**
 * Octets: data and how many. Not NUL-terminated, and may have NULs in it. It has the layout of
 * POSIX's struct iovec, so an array of slices can be given to writev(). data may be NULL if len
 * is 0.
 */
typedef struct {
  /**
   * The first octet.
   */
  const uint8_t *data;
  /**
   * How many.
   */
  size_t len;
} readdress_slice;

/**
 * What the gateway knows about the session that a message comes through. The caller's memory,
 * read during the call and not kept. For a plain rewrite
 *
 *     readdress_session session = { .direction = READDRESS_OUTBOUND };
 *
 * is complete. With direction 0 the map's listeners say, by client_address, tls_name and flags, whether
 * the client is one of our systems: outbound if a listener that is trusted takes it, else inbound. A
 * client that no listener takes is not ours, so its message is rewritten as inbound;
 * readdress_route() refuses its recipients.
 */
typedef struct {
  /**
   * READDRESS_OUTBOUND or READDRESS_INBOUND, which count more than any listener. 0 leaves it to the
   * map's listeners; with a map that has none, 0 is READDRESS_E_ARGUMENT to all calls that rewrite,
   * and inbound to readdress_route().
   */
  uint32_t direction;
  /**
   * Any of READDRESS_SESSION_*. READDRESS_SESSION_SMTPUTF8 allows addresses outside ASCII where
   * there were none.
   */
  uint32_t flags;
  /**
   * The client's address as text, "192.0.2.1" or "2001:db8::1", without a zone or brackets; NULL if
   * unknown: listeners that name addresses are not for it. Anything else is READDRESS_E_ARGUMENT.
   */
  const char *client_address;
  /**
   * The verified name in the client's certificate; NULL or empty if there is none. With one, the
   * session is encrypted, whatever flags say.
   */
  const char *tls_name;
  /**
   * For readdress_route() without an envelope: as readdress_envelope.reverse_path. No other call
   * looks at it.
   */
  readdress_slice reverse_path;
  /**
   * For readdress_route() without an envelope: the forward-paths. No other call looks at them.
   */
  const readdress_slice *recipients;
  /**
   * How many forward-paths.
   */
  size_t recipient_count;
} readdress_session;

/**
 * READDRESS_PATH_*.
 */
typedef uint32_t readdress_path_kind;

/**
 * What came of a path. The caller's memory. Texts point into the engine's map: they live as long as
 * the reference that was used.
 */
typedef struct {
  /**
   * Whether the path to use differs from the one given. Never in shadow mode.
   */
  bool changed;
  /**
   * Whether the address is in a mapped domain and no entry maps it.
   */
  bool unmapped;
  /**
   * What the plan says to do: READDRESS_VERDICT_*.
   */
  uint32_t verdict;
  /**
   * Why the path was left alone if it could not be parsed; a NUL-terminated constant. NULL if it
   * could.
   */
  const char *skipped;
  /**
   * The name of the entry that gave the new path, in shadow mode the one that would; may be empty.
   */
  readdress_slice entry;
  /**
   * The file the entry came from, as the plan names it; may be empty.
   */
  readdress_slice file;
  /**
   * The line of the entry in its file; 0 if unknown.
   */
  uint32_t line;
} readdress_path_info;

/**
 * A field with a new body, or one that goes: the arguments of libmilter's smfi_chgheader(), in the order
 * in which it may be called.
 */
typedef struct {
  /**
   * The field's name as it stands, NUL-terminated.
   */
  const char *name;
  /**
   * The whole new body: all behind the colon, the white space there included, without the line
   * ending at its end. Folds are a line feed and white space, whatever line endings the message
   * has. NUL-terminated; a NUL inside is possible (READDRESS_FLAG_NUL), and then length says more
   * than strlen(). NULL for a field that goes: the header firewall removes it, which only maps with
   * listeners have, from what strangers send.
   */
  const char *value;
  /**
   * Octets of value, without the NUL behind it.
   */
  size_t length;
  /**
   * Which of the fields of this name, in any case, from 1.
   */
  uint32_t nth;
} readdress_field_change;

/**
 * One change of the input. A fold that had to be added has length 0 and no addresses.
 */
typedef struct {
  /**
   * Where it begins in the input; in a message that arrived field by field, in the field's body.
   */
  size_t offset;
  /**
   * Octets that are replaced.
   */
  size_t length;
  /**
   * What replaces them.
   */
  readdress_slice text;
  /**
   * The field's name as it stands, NUL-terminated.
   */
  const char *field;
  /**
   * Which of the fields of this name, in any case, from 1.
   */
  uint32_t nth;
  /**
   * The line of the entry in its file; 0 if unknown.
   */
  uint32_t line;
  /**
   * The address before, without comments.
   */
  readdress_slice from;
  /**
   * The address after, without comments.
   */
  readdress_slice to;
  /**
   * The name of the entry that gave it; may be empty.
   */
  readdress_slice entry;
  /**
   * The file the entry came from, as the plan names it; may be empty.
   */
  readdress_slice file;
} readdress_edit;

/**
 * Something that was left alone although a mapped domain stands in the field.
 */
typedef struct {
  /**
   * The field's name as it stands, NUL-terminated.
   */
  const char *field;
  /**
   * Why, as a word that stays: "unterminated-quoted-string"; "signed-message" if the plan leaves
   * addresses of such messages alone. A NUL-terminated constant.
   */
  const char *reason;
  /**
   * Where parsing stopped, or the address begins; counted like readdress_edit.offset.
   */
  size_t offset;
  /**
   * Which of the fields of this name, in any case, from 1.
   */
  uint32_t nth;
} readdress_skip;

/**
 * A DKIM signature or ARC message signature over the header section, and what the edits do to
 * it.
 */
typedef struct {
  /**
   * "dkim", "arc", "smime" or "pgp"; a NUL-terminated constant. Others may be added.
   */
  const char *kind;
  /**
   * The domain that signs, d=.
   */
  readdress_slice domain;
  /**
   * The selector, s=.
   */
  readdress_slice selector;
  /**
   * The names of the edited fields that it covers.
   */
  const readdress_slice *because;
  /**
   * How many.
   */
  size_t because_count;
  /**
   * Whether the edits leave all that it covers as it was.
   */
  bool intact;
  /**
   * Of "dkim", how its domain stood to that of From, whether or not it is intact. UNKNOWN of other
   * kinds: DMARC does not ask about them.
   */
  readdress_alignment aligned_before;
  /**
   * How it stands to it now; in shadow mode, how it would.
   */
  readdress_alignment aligned_after;
} readdress_signature;

/**
 * The author domain of DMARC, that of all mailboxes in From: lower-case, A-labels, no dot behind. One
 * that is empty is none, or not one.
 */
typedef struct {
  /**
   * As it was.
   */
  readdress_slice before;
  /**
   * As it is now; in shadow mode, as it would be.
   */
  readdress_slice after;
} readdress_from_domains;

/**
 * A message on its way. The caller's memory, read during the call and not kept.
 */
typedef struct {
  /**
   * The reverse-path, with or without angle brackets; "<>", or an empty text that is not NULL, is
   * the null reverse-path. data NULL if it is not known: no condition about the sender holds then.
   */
  readdress_slice reverse_path;
  /**
   * The forward-paths, with or without angle brackets, no ESMTP parameters. All of a message at
   * once: rules may ask about the others.
   */
  const readdress_slice *recipients;
  /**
   * How many.
   */
  size_t recipient_count;
  /**
   * The message, or its header section. data NULL if it is not there yet, as at RCPT TO: no
   * condition about fields holds then, and what is decided may change (readdress_decision_final()).
   */
  readdress_slice message;
  /**
   * 0 or READDRESS_ENVELOPE_OPEN.
   */
  uint32_t flags;
} readdress_envelope;

/**
 * There is nothing to compare: one of the two is no domain name, or there is none.
 */
#define READDRESS_ALIGNMENT_UNKNOWN 0

/**
 * They have at most a top-level domain in common: not aligned.
 */
#define READDRESS_ALIGNMENT_NONE 1

/**
 * They lie beside each other below a domain of at least two labels: aligned in relaxed mode if that lies in
 * one organizational domain, which a list of public suffixes or the DNS knows.
 */
#define READDRESS_ALIGNMENT_UNDECIDED 2

/**
 * One lies below the other, which has at least two labels: aligned in relaxed mode.
 */
#define READDRESS_ALIGNMENT_RELAXED 3

/**
 * They are the same: aligned in strict mode, too.
 */
#define READDRESS_ALIGNMENT_STRICT 4

/**
 * The reverse-path: MAIL FROM. May be the null path "<>".
 */
#define READDRESS_PATH_REVERSE 1

/**
 * A forward-path: RCPT TO.
 */
#define READDRESS_PATH_FORWARD 2

/**
 * It stays here: the mailbox is on this system.
 */
#define READDRESS_DELIVER 1

/**
 * It leaves for another system.
 */
#define READDRESS_RELAY 2

/**
 * The recipient is refused (code 5yz) or deferred (4yz).
 */
#define READDRESS_REJECT 3

/**
 * It is taken and goes nowhere, since a rule says so.
 */
#define READDRESS_DROP 4

/**
 * Never.
 */
#define READDRESS_TLS_NONE 1

/**
 * If the other side can.
 */
#define READDRESS_TLS_OPPORTUNISTIC 2

/**
 * Always: without it the copy does not leave.
 */
#define READDRESS_TLS_REQUIRED 3

/**
 * Done.
 */
#define READDRESS_OK 0

/**
 * The message or path passes a limit (error.offset: where). Nothing was changed; "try again
 * later" is the answer that loses no mail.
 */
#define READDRESS_E_LIMIT 1

/**
 * Not a map file of a version that this library knows, or a damaged one.
 */
#define READDRESS_E_MAP 2

/**
 * The operating system refused a file operation.
 */
#define READDRESS_E_IO 3

/**
 * No memory for a map or a result.
 */
#define READDRESS_E_NOMEM 4

/**
 * The map to be loaded has fewer than half the entries of the one in use.
 */
#define READDRESS_E_SHRUNK 5

/**
 * An argument that can't be: NULL where a pointer is needed, an unknown flag or number, a length
 * no buffer can have.
 */
#define READDRESS_E_ARGUMENT 6

/**
 * A call that can't come now, such as a field before the message it belongs to has begun.
 */
#define READDRESS_E_ORDER 7

/**
 * The caller's buffer is too small; the size needed has been stored.
 */
#define READDRESS_E_BUFFER 8

/**
 * A fault of the library itself was caught. The result is empty, everything else stays valid; a
 * line about it went to the standard error stream. Please report it.
 */
#define READDRESS_E_PANIC 9

/**
 * An entry's address is none, or the two don't fit together.
 */
#define READDRESS_E_ENTRY 10

/**
 * Two entries contradict each other, so that replies could not find their way back.
 */
#define READDRESS_E_CONFLICT 11

/**
 * The plan can't be read, or checking it found errors.
 */
#define READDRESS_E_PLAN 12

/**
 * This library was built without what the call needs.
 */
#define READDRESS_E_UNSUPPORTED 13

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * Compares two domains as the DNS does: ASCII case and one dot behind do not count, and both forms of
 * an international domain are the same. For the reverse-path's domain beside one of
 * readdress_result_from_domains(): what stands behind the last @ of the path, without angle bracket.
 *
 * Parameters: one, one_len, other, other_len: the domains, in either order.
 *
 * Returns: READDRESS_ALIGNMENT_*; UNKNOWN if one of them is no domain name: empty, too long, an address
 * literal, with an octet that host names don't have.
 *
 * Thread-safe.
 */
READDRESS_MUST_USE
readdress_alignment readdress_compare_domains(const uint8_t *one,
                                              size_t one_len,
                                              const uint8_t *other,
                                              size_t other_len);

/**
 * A builder without entries, with the policy of a plan that says nothing: preset "coexistence",
 * subaddresses behind "+", unmapped addresses pass.
 *
 * Returns: the builder; the caller frees it with readdress_builder_free().
 *
 * Thread-safe.
 */
READDRESS_MUST_USE readdress_builder *readdress_builder_new(void);

/**
 * Frees it. NULL is allowed.
 *
 * One thread at a time for a builder.
 */
void readdress_builder_free(readdress_builder *builder);

/**
 * Adds an entry: an internal address and the external one that the world sees in its place.
 * "user@domain" on both sides, or "domain" on both, or internal "*.domain" (the domain and all
 * below it; outbound-only) and external "domain". Quoted as on the wire. Copied.
 *
 * Parameters: flags: 0 or READDRESS_ENTRY_OUTBOUND_ONLY.
 *
 * Returns: READDRESS_OK; READDRESS_E_ENTRY if one is no address or the two don't fit together;
 * READDRESS_E_ARGUMENT. The builder is as it was then. Entries that contradict each other are
 * found by readdress_builder_save().
 *
 * One thread at a time for a builder.
 */
READDRESS_MUST_USE
readdress_status readdress_builder_add_entry(readdress_builder *builder,
                                             const uint8_t *internal,
                                             size_t internal_len,
                                             const uint8_t *external,
                                             size_t external_len,
                                             uint32_t flags,
                                             readdress_error *err);

/**
 * Reads, checks and adds a plan with all that it names, as "readdress compile" does. It must come
 * before entries, since it sets the policy, too.
 *
 * Parameters: plan_path: the TOML file.
 *
 * Returns: READDRESS_OK; READDRESS_E_PLAN if anything is wrong with it (err has the first mistake,
 * readdress_builder_report() all of them); READDRESS_E_ORDER if the builder has a plan or entries;
 * READDRESS_E_UNSUPPORTED if the library was built without plans; READDRESS_E_ARGUMENT. The builder
 * is as it was then.
 *
 * One thread at a time for a builder.
 */
READDRESS_MUST_USE
readdress_status readdress_builder_add_plan(readdress_builder *builder,
                                            const char *plan_path,
                                            readdress_error *err);

/**
 * All that the last plan gave rise to, errors and warnings, as lines of text:
 * "file:line:column: error[code]: message", with more lines below each that are indented.
 *
 * Returns: a NUL-terminated text that lives until the builder is used again; empty if there is
 * nothing to say. NULL for NULL.
 *
 * One thread at a time for a builder.
 */
const char *readdress_builder_report(const readdress_builder *builder);

/**
 * Writes the map file: to a temporary file in the same folder, flushed to disk, verified and
 * renamed, so that a reader sees the old file or the new one, whole, whatever happens. Mode 0640.
 *
 * Returns: READDRESS_OK; READDRESS_E_CONFLICT if two entries contradict each other,
 * READDRESS_E_LIMIT if there are too many, READDRESS_E_IO, READDRESS_E_ARGUMENT. Nothing is left
 * behind then, and the old file stands. The builder can go on either way.
 *
 * One thread at a time for a builder.
 */
READDRESS_MUST_USE
readdress_status readdress_builder_save(readdress_builder *builder,
                                        const char *map_path,
                                        readdress_error *err);

/**
 * A decision about nothing.
 *
 * Returns: the decision; the caller frees it with readdress_decision_free(). NULL only for
 * READDRESS_E_PANIC's reasons.
 *
 * Thread-safe.
 */
READDRESS_MUST_USE readdress_decision *readdress_decision_new(void);

/**
 * Frees it, and all that it has handed out. NULL is allowed.
 *
 * One thread at a time for a decision.
 */
void readdress_decision_free(readdress_decision *decision);

/**
 * Whether readdress_route() keeps each step that leads to a decision, from its next call with this one
 * on. It does not until it is told to: steps cost a text in memory for each rule, listener, domain and
 * connector that is looked at, for each recipient, and several times the time. For logs that somebody
 * asked for, and for tools. NULL does nothing.
 *
 * One thread at a time for a decision.
 */
void readdress_decision_explain(readdress_decision *decision,
                                bool explain);

/**
 * Whether each route that readdress_route() gives from its next call with this decision on has a host_path:
 * for hosts that choose the next hop by the recipient alone, as Postfix does. What such a host would take for
 * another address than stands there is refused then, and so are routing addresses as sender or in address
 * fields, which it would restore. NULL does nothing.
 *
 * One thread at a time for a decision.
 */
void readdress_decision_for_host(readdress_decision *decision,
                                 bool for_host);

/**
 * How many recipients were decided about: as many as the envelope had. 0 for NULL and for one without
 * a decision, which readdress_route() leaves behind when it fails.
 *
 * One thread at a time for a decision.
 */
size_t readdress_decision_count(const readdress_decision *decision);

/**
 * What was decided about a recipient.
 *
 * Parameters: recipient: its place among those of the envelope, from 0.
 *
 * Returns: the decision; NULL for NULL, and where there is no such recipient.
 *
 * One thread at a time for a decision.
 */
const readdress_route_info *readdress_decision_at(const readdress_decision *decision,
                                                  size_t recipient);

/**
 * Whether nothing can change any more. Not, where a rule asks for the header section and the envelope
 * had none, or about recipients who may follow: ask again when all is there, and before refuse only whose
 * route is settled. false for NULL and for one
 * without a decision.
 *
 * One thread at a time for a decision.
 */
bool readdress_decision_final(const readdress_decision *decision);

/**
 * Which way the message goes: READDRESS_OUTBOUND or READDRESS_INBOUND, as the session or the map's
 * listeners say. 0 for NULL and for one without a decision.
 *
 * One thread at a time for a decision.
 */
uint32_t readdress_decision_direction(const readdress_decision *decision);

/**
 * The name of the map's listener that the session came by.
 *
 * Returns: a NUL-terminated text, which lives like all that a decision hands out; NULL if it came by
 * none, for NULL and for one without a decision.
 *
 * One thread at a time for a decision.
 */
const char *readdress_decision_listener(const readdress_decision *decision);

/**
 * Opens and verifies a map file.
 *
 * Parameters: map_path: the file. flags: 0 or READDRESS_OPEN_MMAP. out: where the engine goes; set
 * to NULL first.
 *
 * Returns: READDRESS_OK; READDRESS_E_IO, READDRESS_E_MAP (damaged in any octet, truncated, of an
 * unknown version, or no map), READDRESS_E_NOMEM, READDRESS_E_ARGUMENT.
 *
 * Ownership: the caller owns the engine and frees it with readdress_engine_free(). The path is not
 * kept. Thread-safe.
 */
READDRESS_MUST_USE
readdress_status readdress_engine_open(const char *map_path,
                                       uint32_t flags,
                                       readdress_engine **out,
                                       readdress_error *err);

/**
 * Verifies a map file that is in memory, and copies it.
 *
 * Parameters: map, len: the file's octets. out: where the engine goes; set to NULL first.
 *
 * Returns: READDRESS_OK; READDRESS_E_MAP, READDRESS_E_NOMEM, READDRESS_E_ARGUMENT.
 *
 * Ownership: the caller owns the engine; the octets are its own again when the call returns.
 * Thread-safe.
 */
READDRESS_MUST_USE
readdress_status readdress_engine_load(const uint8_t *map,
                                       size_t len,
                                       readdress_engine **out,
                                       readdress_error *err);

/**
 * Another reference to the same engine.
 *
 * Returns: the reference, to be freed for itself; NULL for NULL. Thread-safe.
 */
READDRESS_MUST_USE readdress_engine *readdress_engine_retain(const readdress_engine *engine);

/**
 * Gives a reference up. The map goes with the last one, those of results included. NULL is
 * allowed. Thread-safe.
 */
void readdress_engine_free(readdress_engine *engine);

/**
 * The identity of the map: 64 hexadecimal digits, NUL-terminated; two maps with the same are the
 * same. Logs show the first 12.
 *
 * Returns: a text that lives as long as this reference; NULL for NULL. Thread-safe.
 */
const char *readdress_engine_generation(const readdress_engine *engine);

/**
 * How many entries the map has; 0 for NULL. Thread-safe.
 */
uint64_t readdress_engine_entry_count(const readdress_engine *engine);

/**
 * Whether the plan is tried out only (mode = "shadow"): everything is decided and reported, and nothing is
 * to be changed. Rewrites keep to that by themselves; a host that routes has to. false for NULL. Thread-safe.
 */
bool readdress_engine_is_shadow(const readdress_engine *engine);

/**
 * Opens a map file that will be replaced by others. Nothing watches it: the host asks for reloads.
 *
 * Parameters, errors and ownership: as for readdress_engine_open(); the caller frees with
 * readdress_live_free(). The path is kept, and counts from the working directory of each reload
 * unless it is absolute. Thread-safe.
 */
READDRESS_MUST_USE
readdress_status readdress_live_open(const char *map_path,
                                     uint32_t flags,
                                     readdress_live **out,
                                     readdress_error *err);

/**
 * Takes the file's map into use if it is another one. Costs three system calls if it is not, so a
 * host may ask before every message, every second, or when it is told to. On any failure the map
 * in use stays in use.
 *
 * Parameters: flags: 0 or READDRESS_RELOAD_FORCE. swapped: whether there is a new map in use;
 * may be NULL.
 *
 * Returns: READDRESS_OK; READDRESS_E_SHRUNK, READDRESS_E_IO, READDRESS_E_MAP, READDRESS_E_NOMEM,
 * READDRESS_E_ARGUMENT. Thread-safe; of two reloads at once, the one begun later stands.
 */
READDRESS_MUST_USE
readdress_status readdress_live_reload(const readdress_live *live,
                                       uint32_t flags,
                                       bool *swapped,
                                       readdress_error *err);

/**
 * The engine in use now. A message is rewritten with one engine from beginning to end, whatever
 * is reloaded meanwhile.
 *
 * Returns: a reference that the caller frees with readdress_engine_free(); NULL for NULL.
 * Thread-safe; never waits.
 */
READDRESS_MUST_USE readdress_engine *readdress_live_acquire(const readdress_live *live);

/**
 * Frees it. Engines acquired from it stay valid. NULL is allowed. No other thread may be using it.
 */
void readdress_live_free(readdress_live *live);

/**
 * The name of a flag for logs: "bare-lf".
 *
 * Parameters: flag: one of READDRESS_FLAG_*, one bit.
 *
 * Returns: a NUL-terminated constant; "unknown" for a number that is none of them. Never NULL.
 * Thread-safe.
 */
const char *readdress_flag_name(uint32_t flag);

/**
 * Rewrites one path of the envelope. Outbound, a reverse-path becomes external; in both
 * directions, a forward-path becomes internal: that is how a message finds its system.
 *
 * Parameters: session: as for readdress_rewrite(). kind: READDRESS_PATH_REVERSE or
 * READDRESS_PATH_FORWARD. path, len: with or without angle brackets; no ESMTP parameters. buf, cap:
 * where the path to use goes, changed or not, in angle brackets if the given one was, not
 * NUL-terminated; it may be the same memory as path. NULL with cap 0 asks for the length. out_len: its
 * octets. info: may be NULL.
 *
 * Returns: READDRESS_OK; READDRESS_E_BUFFER if cap is too small (*out_len is what is needed then,
 * and nothing else is written); READDRESS_E_LIMIT for a path of more than READDRESS_PATH_MAX;
 * READDRESS_E_ARGUMENT. A path that can't be parsed is left alone, and is no error.
 *
 * Thread-safe.
 */
READDRESS_MUST_USE
readdress_status readdress_rewrite_path(const readdress_engine *engine,
                                        const readdress_session *session,
                                        readdress_path_kind kind,
                                        const uint8_t *path,
                                        size_t len,
                                        uint8_t *buf,
                                        size_t cap,
                                        size_t *out_len,
                                        readdress_path_info *info,
                                        readdress_error *err);

/**
 * A result without an outcome.
 *
 * Returns: the result; the caller frees it with readdress_result_free(). NULL only for
 * READDRESS_E_PANIC's reasons.
 *
 * Thread-safe.
 */
READDRESS_MUST_USE readdress_result *readdress_result_new(void);

/**
 * Frees it, and all that it has handed out. NULL is allowed.
 *
 * One thread at a time for a result.
 */
void readdress_result_free(readdress_result *result);

/**
 * Whether the output differs from the input. If not, the host sends what it has: the engine has
 * copied nothing. false for NULL, for a result without an outcome and in shadow mode.
 *
 * One thread at a time for a result.
 */
bool readdress_result_changed(const readdress_result *result);

/**
 * Octets of the output: the sum of all slices; of a message that arrived field by field, 0.
 *
 * One thread at a time for a result.
 */
size_t readdress_result_size(const readdress_result *result);

/**
 * Where the body begins in the output, behind the empty line; 0 for a message that arrived field
 * by field.
 *
 * One thread at a time for a result.
 */
size_t readdress_result_body_offset(const readdress_result *result);

/**
 * Where the body begins in the input; 0 for a message that arrived field by field.
 *
 * One thread at a time for a result.
 */
size_t readdress_result_input_body_offset(const readdress_result *result);

/**
 * What is remarkable about the header section: READDRESS_FLAG_*, one bit each. Of a message that
 * arrived field by field, what names, bodies and the number of fields show.
 *
 * One thread at a time for a result.
 */
uint32_t readdress_result_flags(const readdress_result *result);

/**
 * What to do with the message: READDRESS_VERDICT_*. With an outcome it is what the plan says about
 * unmapped addresses: PASS where there are none, and always in shadow mode. Without one, for NULL
 * and after a fault it is TEMPFAIL: what was not rewritten must not get out.
 *
 * One thread at a time for a result.
 */
uint32_t readdress_result_verdict(const readdress_result *result);

/**
 * The output in pieces: stretches of the message, with new addresses between them. An unchanged
 * message is one slice, the message itself. None for a message that arrived field by field.
 *
 * Parameters: count: how many; may be NULL. writev() takes no more than IOV_MAX at once.
 *
 * Returns: the slices; NULL if there are none.
 *
 * One thread at a time for a result.
 */
const readdress_slice *readdress_result_slices(const readdress_result *result, size_t *count);

/**
 * Every field with a new body, in the order in which a milter applies them. None in shadow mode.
 *
 * Parameters: count: how many; may be NULL.
 *
 * Returns: the changes; NULL if there are none.
 *
 * One thread at a time for a result.
 */
const readdress_field_change *readdress_result_field_changes(const readdress_result *result,
                                                             size_t *count);

/**
 * Every change, in the order of places, for logs. In shadow mode, those that would be made.
 *
 * Parameters: count: how many; may be NULL.
 *
 * Returns: the edits; NULL if there are none, or no memory for the report.
 *
 * One thread at a time for a result.
 */
const readdress_edit *readdress_result_edits(const readdress_result *result, size_t *count);

/**
 * What was left alone although a mapped domain stands in the field.
 *
 * Parameters: count: how many; may be NULL.
 *
 * Returns: the report; NULL if there is none, or no memory for it.
 *
 * One thread at a time for a result.
 */
const readdress_skip *readdress_result_skipped(const readdress_result *result, size_t *count);

/**
 * Addresses in mapped domains that no entry maps, in the order they stand; one that stands twice is
 * listed twice. They would leak: count them, and see readdress_result_verdict().
 *
 * Parameters: count: how many; may be NULL.
 *
 * Returns: the addresses; NULL if there are none, or no memory for the report.
 *
 * One thread at a time for a result.
 */
const readdress_slice *readdress_result_unmapped(const readdress_result *result, size_t *count);

/**
 * Every signature over the header section, and whether the edits break it.
 *
 * Parameters: count: how many; may be NULL.
 *
 * Returns: the signatures; NULL if there are none, or no memory for the report.
 *
 * One thread at a time for a result.
 */
const readdress_signature *readdress_result_signatures(const readdress_result *result,
                                                       size_t *count);

/**
 * The domain of From before and after, which DMARC compares with the domain of each DKIM signature (the
 * signatures say how) and of the reverse-path (readdress_compare_domains()). There is none in a message
 * without From, with several such fields or with one in which something does not parse. One side has
 * none if mailboxes of several domains stand there, or one without a domain name.
 *
 * Returns: the domains; NULL if there are none on either side, or no memory for the report.
 *
 * One thread at a time for a result.
 */
const readdress_from_domains *readdress_result_from_domains(const readdress_result *result);

/**
 * Rewrites a message, or the header section of one. Time is linear in the header section; the
 * body is not read. What can't be parsed is left alone and listed as skipped, and is no error.
 *
 * Parameters: engine. session: says which way the message goes, or who brings it, so that the map's
 * listeners do. message, len: the message, up to 4 GiB - 1; it stays the caller's, is not copied, and
 * must stay in its place unchanged for as long as the result is looked at. result: takes the outcome;
 * a former one is gone.
 *
 * Returns: READDRESS_OK; READDRESS_E_LIMIT, READDRESS_E_NOMEM, READDRESS_E_ARGUMENT. On any failure
 * the result is empty; answer "try again later", for what is not rewritten may leak an internal
 * address.
 *
 * Thread-safe for the engine; the result is this thread's.
 */
READDRESS_MUST_USE
readdress_status readdress_rewrite(const readdress_engine *engine,
                                   const readdress_session *session,
                                   const uint8_t *message,
                                   size_t len,
                                   readdress_result *result,
                                   readdress_error *err);

/**
 * Begins a message that arrives field by field, as in a milter. A former outcome is gone. The session
 * says which way it goes, as for readdress_rewrite(), and is not kept.
 *
 * Returns: READDRESS_OK; READDRESS_E_ARGUMENT.
 *
 * The result retains the engine, so the caller's reference may be freed at once.
 *
 * One thread at a time for a result.
 */
READDRESS_MUST_USE
readdress_status readdress_message_begin(readdress_result *result,
                                         const readdress_engine *engine,
                                         const readdress_session *session,
                                         readdress_error *err);

/**
 * The next field.
 *
 * Parameters: name: all before the colon, NUL-terminated; white space at its end counts as part of
 * the line, not of the name. body, len: what stands behind the colon,
 * the white space there included (libmilter: SMFIP_HDR_LEADSPC), folds kept, without the line
 * ending at its end. Neither is kept: both may be gone when the call returns.
 *
 * Returns: READDRESS_OK; READDRESS_E_ORDER if no message has begun; READDRESS_E_LIMIT,
 * READDRESS_E_NOMEM, READDRESS_E_ARGUMENT. The message is given up then: one with a field that
 * nobody has looked at has no outcome.
 *
 * One thread at a time for a result.
 */
READDRESS_MUST_USE
readdress_status readdress_message_field(readdress_result *result,
                                         const char *name,
                                         const uint8_t *body,
                                         size_t len,
                                         readdress_error *err);

/**
 * The end of the header section: the outcome is there to be looked at.
 *
 * Returns: READDRESS_OK; READDRESS_E_ORDER if no message has begun, or a field of it could not be
 * taken; READDRESS_E_NOMEM; READDRESS_E_ARGUMENT.
 *
 * One thread at a time for a result.
 */
READDRESS_MUST_USE
readdress_status readdress_message_finish(readdress_result *result,
                                          readdress_error *err);

/**
 * Decides where each recipient's copy of a message goes: by the map's listeners, entries, rules,
 * recipients, accepted domains and connectors. Time is linear in the header section, and in recipients
 * times rules; the body is not read. A recipient that is no address, or that nobody knows, is refused
 * (READDRESS_REJECT), and is no error.
 *
 * Parameters: engine. session: who brings the message. Its direction counts where it is set; where it
 * is 0, the map's listeners give it, and refuse every recipient of a client that they don't take. With
 * a map that has none, such a message is inbound. envelope: the message; NULL: the reverse-path and
 * recipients of the session count, and there is no header section. If it is not NULL, the session's
 * are not looked at. decision: takes the outcome; a former one is gone.
 *
 * Returns: READDRESS_OK; READDRESS_E_LIMIT if there are more recipients than the plan allows addresses,
 * if their paths have more than 1 GiB, or the header section passes one of its limits;
 * READDRESS_E_NOMEM; READDRESS_E_ARGUMENT. On any failure the decision is empty; answer "try again
 * later".
 *
 * Ownership: nothing of session and envelope is kept; the engine may be freed before the decision.
 * Thread-safe for the engine; the decision is this thread's.
 */
READDRESS_MUST_USE
readdress_status readdress_route(const readdress_engine *engine,
                                 const readdress_session *session,
                                 const readdress_envelope *envelope,
                                 readdress_decision *decision,
                                 readdress_error *err);

/**
 * The name of a status for logs: "limit", "no-memory".
 *
 * Returns: a NUL-terminated constant; "unknown" for a number that this library does not have.
 * Never NULL. Thread-safe.
 */
const char *readdress_status_name(readdress_status status);

/**
 * The version of the library that runs: "0.1.0". The program may have been built with the header
 * of another one.
 *
 * Returns: a NUL-terminated constant. Never NULL. Thread-safe.
 */
const char *readdress_version(void);

/**
 * The ABI of the library that runs; compare it with READDRESS_ABI_VERSION after dlopen().
 *
 * Thread-safe.
 */
uint32_t readdress_abi_version(void);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* READDRESS_H */
