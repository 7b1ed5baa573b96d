/** The colours of the page: those of the system, light, or dark. */

import { make } from "./make.js";
import { StateView } from "./state-view.js";

/** `<theme-switch>`; its `state` is set by the page, so that all views are painted again */
export class ThemeSwitch extends StateView {
  begin() {
    const repaint = () => ["pass", "repaint"].forEach((name) => void this.state.dispatchEvent(new Event(name)));
    const select = make("select", { ariaLabel: "colours of the page", onchange: () => {
      document.documentElement.dataset.theme = select.value;
      repaint();
    } }, ...["system", "light", "dark"].map((name) => make("option", {}, name)));
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", repaint);
    this.replaceChildren(make("label", {}, make("span", {}, "colours "), select));
  }
}

customElements.define("theme-switch", ThemeSwitch);
