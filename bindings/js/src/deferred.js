"use strict";

/** A promise that is settled from outside. Nobody has to wait for it, also if it is rejected. */
class Deferred {
  is_settled = false;
  #resolve;
  #reject;

  constructor() {
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.promise.catch(() => {});
  }

  resolve(value) {
    this.is_settled = true;
    this.#resolve(value);
  }

  reject(error) {
    this.is_settled = true;
    this.#reject(error);
  }
}

/** Calls `abort` with the reason if `signal`, which may be undefined, is aborted before `until`. */
function on_abort(signal, until, abort) {
  if (signal === undefined) return;
  const listener = () => abort(signal.reason);
  const stop = () => signal.removeEventListener("abort", listener);
  signal.addEventListener("abort", listener, { once: true });
  until.then(stop, stop);
}

module.exports = { Deferred, on_abort };
