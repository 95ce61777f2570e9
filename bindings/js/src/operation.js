// What a program gets for an operation: whether the broker has carried it out.
"use strict";

const { RESPONSE_OK } = require("./constants.js");
const { ElbusError, describe } = require("./errors.js");
const { Deferred } = require("./deferred.js");

class Operation {
  #where;
  #answer = new Deferred();

  /** `where` says who is concerned: `{ client, target }`. */
  constructor(where) {
    this.#where = where;
  }

  is_completed() {
    return this.#answer.is_settled;
  }

  wait_completed() {
    return this.#answer.promise;
  }

  async confirmed() {
    const code = await this.#answer.promise;
    if (code !== RESPONSE_OK) {
      throw new ElbusError(code, `the broker answers: ${describe(code)}`, this.#where);
    }
  }

  acknowledge(code) {
    this.#answer.resolve(code);
  }

  fail(error) {
    this.#answer.reject(error instanceof ElbusError ? error.at(this.#where) : error);
  }
}

/**
 * The promise of something that was started, which can also be asked what that something can be
 * asked: so `bus.send(...).confirmed()` needs one `await`.
 */
class Submission extends Promise {
  // What `then` makes of it is an ordinary promise.
  static get [Symbol.species]() {
    return Promise;
  }

  /** `started` is the promise of `subject`, fulfilled when there is room for more output. */
  static of(subject, started) {
    const submission = new this((resolve) => resolve(started));
    submission.subject = subject;
    return submission;
  }

  is_completed() {
    return this.subject.is_completed();
  }

  async wait_completed() {
    await this;
    return this.subject.wait_completed();
  }
}

class OperationSubmission extends Submission {
  async confirmed() {
    await this;
    return this.subject.confirmed();
  }
}

module.exports = { Operation, Submission, OperationSubmission };
