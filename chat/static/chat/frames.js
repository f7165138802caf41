// What the server says to the page, as docs/protocol.md has it. Types only: no page loads this.

/**
 * Whatever JSON a tool was given or has said: looked at before it is used.
 * @typedef {any} Json
 *
 * @typedef {object} StoredFile
 * @property {string} file_id
 * @property {string} name
 * @property {number} bytes
 * @property {string} [kind] text, pdf or image
 * @property {number} [width] of an image, in px
 * @property {number} [height]
 *
 * @typedef {{code: string, message: string, retryable?: boolean}} Fault
 * @typedef {{rating: "up" | "down", reason: string | null}} Feedback
 * @typedef {{rating: "up" | "down", reason?: string, comment?: string}} Rating what the user
 *   thinks of an answer, as the page sends it
 * @typedef {{call_id: string, title: string, source: string, excerpt?: string}} Citation
 *
 * @typedef {object} Usage
 * @property {number} [elapsed_ms]
 * @property {number} [requests]
 * @property {number} [input_tokens]
 * @property {number} [output_tokens]
 * @property {number} [cached_tokens]
 * @property {string} [cost_usd]
 * @property {number} [unpriced_requests]
 */

/**
 * @typedef {object} ToolCall
 * @property {string} call_id
 * @property {string} tool_name
 * @property {Record<string, Json> | null} args
 * @property {string} status waiting, approved, running, ok, error, stopped or denied
 * @property {number | null} [elapsed_ms]
 * @property {Json} [result]
 * @property {Fault} [error]
 * @property {string} [expires_at] of one that waits for its user
 * @property {string | null} [decision]
 * @property {boolean} [edited]
 */

/**
 * A message of a snapshot or of the API: a question, or an answer with what its run has left.
 * @typedef {object} Message
 * @property {string} message_id
 * @property {"user" | "assistant"} role
 * @property {string} text
 * @property {string | null} [run_id]
 * @property {string} status
 * @property {number} seq
 * @property {string} ts
 * @property {StoredFile[]} [files]
 * @property {string | null} [after_run_id] of a question
 * @property {string[]} [versions]
 * @property {string[]} [answers]
 * @property {string | null} [question_id] of an answer
 * @property {string} [thinking]
 * @property {number} [thought_ms]
 * @property {ToolCall[]} [tool_calls]
 * @property {string | null} [model]
 * @property {Usage} [usage]
 * @property {Fault | null} [error]
 * @property {Feedback | null} [feedback]
 *
 * @typedef {object} ActiveRun
 * @property {string} run_id
 * @property {string | null} [question_id]
 * @property {string} [agent_name]
 * @property {string} status
 * @property {number} attempt
 * @property {string | null} [started_at]
 * @property {string} [thinking]
 * @property {number} [thought_ms]
 * @property {ToolCall[]} [tool_calls]
 */

/**
 * One event of a thread's log; `data` is told by the type.
 * @typedef {object} ThreadEvent
 * @property {number} seq
 * @property {string} type
 * @property {string | null} run_id
 * @property {string | null} [agent_name]
 * @property {string} ts
 * @property {Json} data
 */

/**
 * A thread in the list.
 * @typedef {object} Row
 * @property {string} thread_id
 * @property {string} title
 * @property {string} updated_at
 * @property {boolean} running
 * @property {boolean} pinned
 * @property {boolean} archived
 * @property {string | null} folder_id
 * @property {boolean} unread
 * @property {boolean} deleted
 * @property {boolean} [waiting]
 * @property {boolean} [gone]
 *
 * @typedef {{folder_id: string, name: string}} Folder
 */

/**
 * What the page was sent with.
 * @typedef {object} PageConfig
 * @property {string} socket_path
 * @property {string} stream_url
 * @property {string} api_url
 * @property {string} plan_url
 * @property {string} unread_icon_url
 * @property {string} csrf_token
 * @property {{user_id: string}} user
 * @property {boolean} is_looking staff looks at somebody's account
 * @property {{text: number, file_bytes: number, bin_days?: number}} limits
 * @property {{model: string, name: string}[]} models the default first
 * @property {{name: string, tier: string}[]} locked_models which another plan has
 * @property {{title: string, text: string, sample: boolean}[]} example_prompts
 * @property {string} sample_csv_url
 * @property {{label: string, url: string}[]} account_pages
 */

/**
 * @typedef {Record<string, boolean>} Services
 *
 * @typedef {object} Entitlements
 * @property {string} tier
 * @property {string} base_tier
 * @property {{tier: string, starts_at: string, ends_at: string | null} | null} trial
 * @property {Record<string, number | null>} limits
 * @property {string[]} features
 * @property {string} why
 * @property {string | null} next_change
 */

/**
 * @typedef {object} ReadyFrame
 * @property {"ready"} type
 * @property {{user_id: string, email: string}} user
 * @property {Entitlements} entitlements
 * @property {Record<string, number>} limits
 * @property {Services} services
 * @property {{thread_id: string, run_id: string}[]} [active_runs]
 *
 * @typedef {object} AckFrame
 * @property {"ack"} type
 * @property {string} client_id
 * @property {string} thread_id
 * @property {string | null} message_id
 * @property {number | null} seq
 * @property {string | null} run_id
 * @property {boolean} duplicate
 *
 * @typedef {object} ErrorFrame
 * @property {"error"} type
 * @property {string} code
 * @property {string} message
 * @property {boolean} retryable
 * @property {number} [retry_after_s]
 * @property {string} [client_id]
 *
 * @typedef {{type: "events", thread_id: string, events: ThreadEvent[]}} EventsFrame
 *
 * @typedef {object} DeltaFrame
 * @property {"delta"} type
 * @property {string} thread_id
 * @property {string} run_id
 * @property {number} attempt
 * @property {number} offset in code points
 * @property {string} text
 *
 * @typedef {object} SnapshotFrame
 * @property {"snapshot"} type
 * @property {string} thread_id
 * @property {number} seq
 * @property {Message[]} messages
 * @property {boolean} [more]
 * @property {string | null} [model]
 * @property {ActiveRun | null} [active_run]
 * @property {{run_id: string, message_id: string, position?: number}[]} [queued_runs]
 *
 * @typedef {{type: "typing", thread_id: string, connection_id: string}} TypingFrame
 *
 * @typedef {ReadyFrame | AckFrame | ErrorFrame | EventsFrame | DeltaFrame | SnapshotFrame
 *   | TypingFrame
 *   | {type: "welcome", connection_id: string}
 *   | {type: "state", services: Services}
 *   | {type: "account", entitlements: Entitlements}
 *   | {type: "threads", threads: Row[]}
 *   | {type: "folders", folders: Folder[]}
 *   | {type: "pong", heads?: Record<string, number>}
 *   | {type: "drain", reconnect_after_ms?: number}} ServerFrame
 *
 * @typedef {AckFrame | ErrorFrame} Answer to a frame of the page
 */

export {};
