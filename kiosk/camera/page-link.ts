/**
 * The port between the server of the pages and the camera: connections of pages that offer their camera come in at one end
 * and are taken at the other, so that neither room imports the other's parts.
 */

/** One connection, already checked to be of the citizen's page. */
export interface PageLink {
  send(text: string): void;
  /** Ends it with a WebSocket close code. */
  end(code: number, reason: string): void;
  /** One listener. */
  onMessage(listener: (message: string | Uint8Array) => void): void;
  /** One listener; the first call counts. `malformed`: the other side broke the protocol, or its message was too long. */
  onEnd(listener: (how: 'gone' | 'malformed') => void): void;
}

export interface PageLinks {
  /** The longest message that is taken from a page. */
  readonly messageBytesMax: number;
  offer(link: PageLink): void;
  /** Who takes the connections. */
  listen(taker: (link: PageLink) => void): void;
  /** Nobody takes them: until somebody listens again, pages are told to come back. */
  pause(): void;
}

const TRY_AGAIN_LATER = 1013;

export function createPageLinks(messageBytesMax: number): PageLinks {
  const refuse = (link: PageLink) => link.end(TRY_AGAIN_LATER, 'the kiosk is starting');
  let take: (link: PageLink) => void = refuse;
  return {
    messageBytesMax,
    offer: (link) => take(link),
    listen(taker) {
      take = taker;
    },
    pause() {
      take = refuse;
    },
  };
}
