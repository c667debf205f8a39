// Package control is the local API between the service and the user's
// programs: HTTP/1.1 with JSON over a Unix socket, or a named pipe on Windows.
//
// It owns the types that cross the socket, the server and the client. It
// decides who is calling (by peer credentials, never by what a request says)
// and bounds what a caller may send; what a caller may do and what becomes of
// it is the Backend's business. Nothing secret is ever sent to a program:
// secrets flow inward only.
//
// The calls, all below /v1/:
//
//	GET    status                what is, now
//	GET    watch[?answers=1]     a stream of statuses, one per line; the newest wins.
//	                             With answers: by a program that answers prompts
//	POST   connect               ConnectRequest -> Accepted
//	POST   disconnect            -> Accepted
//	POST   renew                 signs in again now, before the gateway asks -> Accepted
//	POST   answer                Answer to a Prompt of the status
//	GET    settings              the machine's Settings
//	PUT    settings              SettingsChange -> Settings
//	POST   portal/look           looks at the network -> Portal
//	POST   portal/sign-in        stream of PortalSignIn; reading on keeps it open
//	POST   portal/enter          lets the calling process out for a sign-in
//	GET    profiles              the caller's profiles
//	GET    profile?name=N        one of them, whole
//	POST   profile               stores a profile.Profile
//	DELETE profile?name=N        forgets one
//	GET    machine               what the service signs in with by itself, without secrets
//	PUT    machine               MachineCredential: has it keep one
//	DELETE machine?name=N        has it forget one
//	GET    logs[?follow=1]       the service's log, one entry per line
//
// Both sides send the header Homeward-API with every message. A service of
// another version refuses with CodeVersion, and a client that finds another
// version in an answer says so, before anything else is made of it.
//
// client/service implements Backend; app/homewardd runs the Server;
// app/homewardctl and the desktop program use the Client.
package control
