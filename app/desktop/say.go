package desktop

import (
	"fmt"

	"fyne.io/fyne/v2/lang"

	"github.com/homeward-vpn/homeward/app/viewmodel"
	"github.com/homeward-vpn/homeward/assets"
)

// Speak loads the texts of the product and gives them in the language of the desktop, or
// in the one that the person has chosen ("de"). Fyne knows one language at a time, so
// that another choice counts from the next start on.
func Speak(chosen string) (viewmodel.Say, error) {
	if err := lang.AddTranslationsFS(assets.Translations, assets.TranslationsDir); err != nil {
		return nil, fmt.Errorf("the texts of this program are damaged: %w", err)
	}
	if chosen != "" {
		data, err := assets.Translations.ReadFile(assets.TranslationsDir + "/" + chosen + ".json")
		if err != nil {
			return nil, fmt.Errorf("there are no texts in the language %q: %w", chosen, err)
		}
		// Fyne asks for the desktop's language: it is given the chosen one's texts for it.
		if err := lang.AddTranslationsForLocale(data, lang.SystemLocale()); err != nil {
			return nil, fmt.Errorf("the texts in the language %q are damaged: %w", chosen, err)
		}
	}
	return say, nil
}

// say implements viewmodel.Say.
func say(key string, data map[string]any) string {
	n, counts := data["Count"].(int)
	if !counts {
		return lang.X(key, key, data)
	}
	return lang.XN(key, key, n, data)
}
