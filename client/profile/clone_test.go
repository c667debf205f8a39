package profile

import (
	"reflect"
	"testing"
)

// TestStoreHandsOutCopies: nothing but the certificates' bytes is shared with
// what the store keeps.
func TestStoreHandsOutCopies(t *testing.T) {
	t.Parallel()
	p := full(t)
	p.Client.Further = []SignIn{{Auth: ClientEAP, EAP: eap(certificate(t))}}
	st := Stored{Profile: *p}
	var walk func(at string, a, b reflect.Value)
	walk = func(at string, a, b reflect.Value) {
		switch a.Kind() {
		case reflect.Struct:
			for i := range a.NumField() {
				if f := a.Type().Field(i); f.IsExported() {
					walk(at+"."+f.Name, a.Field(i), b.Field(i))
				}
			}
		case reflect.Slice:
			if a.Len() == 0 {
				t.Errorf("%s is empty in this test", at)
			} else if a.Pointer() == b.Pointer() {
				t.Errorf("%s is shared", at)
			}
			switch a.Type() {
			case reflect.TypeFor[[]SignIn](), reflect.TypeFor[[]Rule](), reflect.TypeFor[[]DomainRule]():
				for i := range a.Len() {
					walk(at, a.Index(i), b.Index(i))
				}
			}
		}
	}
	walk("Profile", reflect.ValueOf(st.Profile), reflect.ValueOf(st.clone().Profile))
}
