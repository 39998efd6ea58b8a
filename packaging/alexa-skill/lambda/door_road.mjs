// The road to the door's own public address.

import { AmazonUsers } from "./amazon_users.mjs";
import { Connection } from "./connection.mjs";
import { tokenOf, withToken } from "./directive.mjs";
import { eventIn } from "./event.mjs";
import { Failure } from "./failure.mjs";

/** Where directives come in, at the door and behind the ingress. */
export const PATH = "/api/alexa/smart_home";

/** Directives go straight to the door. */
export class DoorRoad {
  #door;
  #doorToken;
  #users;

  constructor({ base, doorToken, allowedUsers, profile }) {
    this.#door = new Connection(base);
    this.#doorToken = doorToken;
    this.#users = allowedUsers && new AmazonUsers(profile, allowedUsers);
  }

  /** The event that the door answers with. */
  async send(directive, deadline) {
    let token = tokenOf(directive);
    if (this.#users) {
      await this.#users.check(token, deadline);
      // Without a hub the door's token stands in both places.
      token = this.#doorToken;
      directive = withToken(directive, token);
    }
    const body = JSON.stringify(directive);
    const headers = {
      Authorization: `Bearer ${this.#doorToken ?? token}`,
      "Content-Type": "application/json",
      "Content-Length": Buffer.byteLength(body),
    };
    const answer = await this.#door.send({ method: "POST", path: PATH, headers, body }, deadline);
    const { place } = this.#door;
    if (answer.status === 200) return eventIn(answer.body, place);
    throw Failure.ofStatus(answer.status, place, `there is no door at ${place}: see DOOR_URL`);
  }
}
