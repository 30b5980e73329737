/** @file Formulas. They are MathML, made when the page is built from the TeX in the sources, so that no script is needed to show them. */
import { createEffect, type JSX, onCleanup, onMount } from "solid-js";
import { fixed } from "./numbers.ts";
import "./tex.ts";

/** A formula, and what its variables are now: `\class{v-lr}{\eta}` shows the value named `lr` below the letter. */
export function Formula(props: { readonly math: string; readonly values?: Readonly<Record<string, number | string>> }): JSX.Element {
  let element!: HTMLDivElement;
  onMount(() => {
    // What scrolls must be reached by the keyboard.
    const observer = new ResizeObserver(() => {
      if (element.scrollWidth > element.clientWidth) element.tabIndex = 0;
      else element.removeAttribute("tabindex");
    });
    observer.observe(element);
    onCleanup(() => observer.disconnect());
  });
  createEffect(() => {
    for (const [name, value] of Object.entries(props.values ?? {})) {
      const text = typeof value === "number" ? fixed(value, 3) : value;
      for (const each of element.querySelectorAll<HTMLElement>(`.v-${name}`)) each.title = `${name} = ${text}`;
    }
  });
  return (
    <div class="formula" ref={element}>
      {/* The text comes from this file's own sources. */}
      <span innerHTML={props.math} />
    </div>
  );
}
