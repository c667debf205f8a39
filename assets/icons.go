package assets

import "embed"

// Icons holds the drawings, icons/name.svg, each of our own:
//
//   - app: the product's icon, in colour, for 16 to 512 pixels;
//   - disconnected, connecting, connected, blocked, needs-you: the mark, a house
//     whose door is the end of a road, in its five states, in one colour, on a
//     grid of 22 pixels;
//   - the others: signs of the window, in one colour, on a grid of 16 pixels.
//
// What has one colour is made of filled paths only, so that it can be filled with
// any other.
//
//go:embed icons/*.svg
var Icons embed.FS

// IconsDir is where in Icons the drawings are.
const IconsDir = "icons"

// AppIcon is the product's icon as an SVG.
//
//go:embed icons/app.svg
var AppIcon []byte
