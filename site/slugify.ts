/** The id of a heading, as GitHub makes it, so that a link with a fragment works in the repository and in the site. */
export const slugify = (heading: string): string =>
  heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N} _-]/gu, "")
    .replaceAll(" ", "-")
