// Package assets holds what the programs show and did not write themselves: the
// texts in every language (translations/en.json and so on) and the icons.
//
// It owns the files and nothing else: it imports only embed, reads nothing and
// decides nothing. app/desktop loads the texts into Fyne's lang and draws the
// icons; the tests of app/viewmodel hold the texts against the code.
package assets

import "embed"

// Translations holds one file for each language, translations/xx.json, in the
// form of github.com/nicksnyder/go-i18n: a key and its text, or a key and its
// plural forms. All files have the same keys and the same placeholders.
//
//go:embed translations/*.json
var Translations embed.FS

// TranslationsDir is where in Translations the files are.
const TranslationsDir = "translations"

// Languages are the languages of the files, the one first that stands in for
// any other.
func Languages() []string { return []string{"en", "de", "fr", "es", "ja"} }
