package viewmodel

import (
	"strings"

	"github.com/homeward-vpn/homeward/client/control"
	"github.com/homeward-vpn/homeward/client/diagnose"
)

// Why there is no line, in the person's language:
//
//	cause -> the text below "cause." that says most of what is known
//	      -> the server's own words behind it, where it has said something
//	      -> details: the service's English sentence, and what an administrator needs
//
// A cause that is not known here, because the service is newer, is said in the
// service's own English words.

// englishTexts: the texts are in the language of the service's own sentences.
func (t texts) englishTexts() bool { return t.say("language", nil) == "en" }

// failure says why there is no line, with the details for an administrator.
func (t texts) failure(e control.Error) (sentence, detail string) {
	detail = e.Detail
	sentence = t.cause(e)
	if sentence == "" {
		if sentence = Clean(e.Message, maxWords); sentence == "" {
			sentence = t.s("failure.unknown")
		}
		return sentence, detail
	}
	if !t.englishTexts() {
		detail = strings.TrimSpace(e.Message + " " + e.Detail)
	}
	return sentence, detail
}

// variant is a text of a cause that is said where what it needs is known.
type variant struct {
	word  string // behind the cause in the key; empty: nothing is needed
	known func(control.Error) bool
}

var (
	whole     = variant{"", func(control.Error) bool { return true }}
	byNames   = variant{".names", func(e control.Error) bool { return e.Seen != "" && e.Expected != "" }}
	byIssuer  = variant{".issuer", func(e control.Error) bool { return e.Seen != "" }}
	byDate    = variant{".date", func(e control.Error) bool { return plausible(e) }}
	byGateway = variant{".gateway", func(e control.Error) bool { return e.Expected != "" }}
	byCard    = variant{".card", func(e control.Error) bool { return e.Seen != "" }}
	byTries   = variant{".left", func(e control.Error) bool { return e.Tries > 0 && e.Tries < 100 }}
)

// plausible says that the date is one that a certificate may have.
func plausible(e control.Error) bool { return e.When.Year() > 1970 && e.When.Year() < 9999 }

// expecting is said where one thing was expected.
func expecting(word, thing string) variant {
	return variant{word, func(e control.Error) bool { return e.Expected == thing }}
}

// causeTexts are the texts of the causes, those that say most first. All of
// diagnose.Causes are here.
var causeTexts = map[diagnose.Cause][]variant{
	diagnose.CauseNoNetwork:     {whole},
	diagnose.CauseNameNotFound:  {byGateway, whole},
	diagnose.CauseGatewaySilent: {byGateway, whole},
	diagnose.CauseTimeout:       {whole},

	diagnose.CauseNoCommonProposal: {{".unsafe", byIssuer.known}, whole},
	diagnose.CauseNoAddress:        {whole},
	diagnose.CauseSelectors:        {whole},
	diagnose.CauseChildless:        {whole},
	diagnose.CauseRedirectLoop:     {whole},
	diagnose.CauseProtocol:         {whole},

	diagnose.CauseWrongPassword:   {whole},
	diagnose.CauseAccountLocked:   {whole},
	diagnose.CausePasswordExpired: {whole},
	diagnose.CausePasswordRefused: {whole},
	diagnose.CauseWrongCode:       {whole},
	diagnose.CauseRejected:        {whole},
	diagnose.CauseEAPMethod:       {whole},
	diagnose.CauseCredentialsMissing: {
		expecting(".code", "code"), expecting(".psk", "shared key"), expecting(".key", "private key"), whole,
	},
	diagnose.CauseUnanswered:    {whole},
	diagnose.CauseFurtherSignIn: {whole},
	diagnose.CauseSignInSilent:  {whole},
	diagnose.CauseKeychain:      {whole},

	diagnose.CauseCertificateExpired: {byDate, whole},
	diagnose.CauseCertificateMissing: {{".issuer", byGateway.known}, whole},
	diagnose.CauseCertificateRefused: {whole},
	diagnose.CauseKeyMissing:         {whole},
	diagnose.CauseCardRemoved:        {byCard, whole},
	diagnose.CausePINWrong:           {byTries, whole},
	diagnose.CausePINLocked:          {byCard, whole},

	diagnose.CauseServerUntrusted:   {byIssuer, whole},
	diagnose.CauseServerExpired:     {byDate, whole},
	diagnose.CauseServerWrongName:   {byNames, whole},
	diagnose.CauseServerRevoked:     {byDate, whole},
	diagnose.CauseServerCertificate: {whole},
	diagnose.CauseServerProof:       {whole},
	diagnose.CauseServerTLS:         {whole},

	diagnose.CauseGatewayUntrusted:   {byIssuer, whole},
	diagnose.CauseGatewayIssuer:      {byNames, whole},
	diagnose.CauseGatewayWrongName:   {byNames, whole},
	diagnose.CauseGatewayExpired:     {byIssuer, byDate, whole},
	diagnose.CauseGatewayNotYetValid: {byIssuer, byDate, whole},
	diagnose.CauseGatewayUsage:       {whole},
	diagnose.CauseGatewayPin:         {whole},
	diagnose.CauseGatewayRevoked:     {byDate, whole},
	diagnose.CauseRevocationUnknown:  {whole},
	diagnose.CauseGatewayCertificate: {whole},
	diagnose.CauseGatewayIdentity:    {byNames, whole},
	diagnose.CauseGatewayProof:       {whole},

	diagnose.CauseClosedByGateway: {whole},
	diagnose.CauseLineLost:        {whole},
	diagnose.CauseSignInExpired:   {whole},

	diagnose.CauseTransportFailed:  {whole},
	diagnose.CauseTUNFailed:        {whole},
	diagnose.CauseRoutesFailed:     {whole},
	diagnose.CauseDNSFailed:        {whole},
	diagnose.CausePolicyFailed:     {whole},
	diagnose.CauseLockdown:         {whole},
	diagnose.CauseServiceRestarted: {{".lockdown", byGateway.known}, whole},
	diagnose.CauseProfile:          {whole},
	diagnose.CauseCancelled:        {whole},
	diagnose.CauseInternal:         {whole},
}

// serverWords are the causes with which a server may have said something itself.
var serverWords = map[diagnose.Cause]bool{
	diagnose.CauseWrongPassword: true, diagnose.CauseAccountLocked: true, diagnose.CausePasswordExpired: true,
	diagnose.CausePasswordRefused: true, diagnose.CauseWrongCode: true,
}

// cause says a failure by its cause; "": it is not known here, or the service knows
// better.
func (t texts) cause(e control.Error) string {
	c := diagnose.Cause(e.Cause)
	if knowsBetter(c, e) {
		return ""
	}
	for _, v := range causeTexts[c] {
		if !v.known(e) {
			continue
		}
		d := data{"Seen": e.Seen, "Expected": e.Expected, "Count": e.Tries, "Date": ""}
		if plausible(e) {
			d["Date"] = t.date(e.When)
		}
		sentence := t.with("cause."+e.Cause+v.word, d)
		if words := diagnose.Quotable(Clean(e.Seen, maxName)); serverWords[c] && words != "" {
			sentence = t.upTo("cause.words", MaxText/2, data{"Sentence": sentence, "Words": words})
		}
		return sentence
	}
	return ""
}

// knowsBetter says that the service's sentence is another than the one of the cause:
// the disk is full, for example, which no cause has a name for.
func knowsBetter(c diagnose.Cause, e control.Error) bool {
	switch c {
	case diagnose.CauseTUNFailed, diagnose.CauseRoutesFailed, diagnose.CauseDNSFailed:
		usual := diagnose.Failure{Cause: c, Seen: e.Seen, Expected: e.Expected}
		return e.Message != "" && e.Message != usual.Sentence()
	}
	return false
}
